"""Publish a file that a recipe made: store it, and write and sign its manifest."""

from dataclasses import dataclass

import msgspec

from registry.baselines import verbs as baselines
from registry.compression.attempts import Attempt
from registry.compression.targets import HardwareTarget
from registry.manifests import configured_keys, documents
from registry.manifests.signing import sign_bundle
from registry.models import Blob, ModelVersion
from registry.names import MANIFEST_NAME
from registry.storage import blobs

MIN_AGENT_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Published:
    """The blobs of a READY variant; each field has the name of its column."""

    file: Blob
    manifest: Blob
    signature: Blob


def publish(version: ModelVersion, target: HardwareTarget, attempt: Attempt) -> Published:
    """Store the file of a READY attempt and its signed manifest. Only rows of blobs are written."""
    if attempt.artifact is None:
        message = f"The recipe {attempt.recipe} is READY and left no file."
        raise RuntimeError(message)
    file = blobs.keep(attempt.artifact)
    data = documents.to_bytes(_manifest(version, target, attempt, file=file))
    name = f"{version.model.slug}-{version.number}-{target.name}"
    resources = {MANIFEST_NAME: documents.digest(data), attempt.filename: file.sha256}
    bundle = sign_bundle(resources, name=name, key=configured_keys.signing_key())
    return Published(file=file, manifest=blobs.keep_bytes(data), signature=blobs.keep_bytes(bundle))


def _manifest(version: ModelVersion, target: HardwareTarget, attempt: Attempt, *, file: Blob) -> documents.Manifest:
    return msgspec.convert(
        {
            "model": version.model.slug,
            "version": version.number,
            "target": target.name,
            "recipe": attempt.recipe,
            "recipe_digest": attempt.recipe_digest,
            "file": {"name": attempt.filename, "size": file.size, "sha256": file.sha256, "format": attempt.format},
            "runtime": attempt.runtime,
            "inputs": version.inputs,
            "outputs": version.outputs,
            "preprocessing": version.metadata.get("preprocessing", {}),
            "labels": version.metadata.get("labels", []),
            "self_test": attempt.self_test,
            "baseline": baselines.for_manifest(version),
            "source": {"sha256": version.source.sha256, "size": version.source.size},
            "measurements": {**(attempt.measurements or {}), "measured_on": attempt.measured_on},
            "min_agent_version": MIN_AGENT_VERSION,
        },
        documents.Manifest,
    )
