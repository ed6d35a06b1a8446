"""Build the variants of one target, and publish them: files, manifests, signatures, rows.

Redoing it is harmless: equal bytes are stored once, and rows are written only together with the end of the job.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction

from registry import jobs
from registry.baselines import verbs as baselines
from registry.builder.verification import limits
from registry.compression import recipe_chain
from registry.compression.recipe_chain import Attempt
from registry.compression.recipes import compute_digest
from registry.compression.targets import HardwareTarget, UnknownTarget, get_target
from registry.jobs import Lease
from registry.manifests import configured_keys, documents
from registry.manifests.signing import sign_bundle
from registry.models import Blob, ModelVersion, Variant
from registry.names import MANIFEST_NAME
from registry.states import VariantStatus
from registry.storage import blobs
from registry.versions import verbs as versions

MIN_AGENT_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class _Published:
    """The blobs of a READY variant."""

    file: Blob
    manifest: Blob
    signature: Blob


def run(lease: Lease, folder: Path) -> None:
    """Try the target's recipes, publish what came out, and settle the version.

    Raises:
        SandboxUnavailable: The host could not run the sandbox.
        StoreUnavailable: The store could not be read or written.
    """
    version, target = lease.job.version, get_target(lease.job.target)
    attempts = _build(lease, target, folder=folder)
    jobs.report(lease, "Signing and storing.")
    published = {
        attempt.recipe: _publish(version, target, attempt) for attempt in attempts if attempt.status == "ready"
    }
    with transaction.atomic():
        jobs.finish(lease)
        for attempt in attempts:
            _record(version, target, attempt, published.get(attempt.recipe))
        versions.settle(version)


def record_failure(lease: Lease, *, reason: str) -> None:
    """Leave a FAILED row for a target whose build could not be carried through, where it has no row yet."""
    version = lease.job.version
    try:
        target = get_target(lease.job.target)
    except UnknownTarget:
        return  # removed while the build waited: there is no recipe to say it of
    step = target.chain[0]
    if not version.variants.filter(target=target.name).exists():
        digest = compute_digest(step.recipe, step.parameters)
        attempt = Attempt(recipe=step.recipe, status="failed", recipe_digest=digest, reason=reason)
        _record(version, target, attempt, None)


def _build(lease: Lease, target: HardwareTarget, *, folder: Path) -> list[Attempt]:
    version = lease.job.version
    jobs.report(lease, "Fetching the model.")
    source = blobs.fetch(version.cleaned or version.source, folder / "source.onnx")
    calibration = blobs.fetch(version.calibration, folder / "calibration.npz") if version.calibration else None
    jobs.report(lease, "Compressing and measuring in the sandbox.")
    return recipe_chain.build_attempts(
        source,
        target,
        inspection=recipe_chain.Inspection.from_json(version.inspection, cleaned=source),
        calibration=calibration,
        scratch=folder,
        limits=limits(),
    )


def _publish(version: ModelVersion, target: HardwareTarget, attempt: Attempt) -> _Published:
    if attempt.artifact is None:
        message = f"The recipe {attempt.recipe} is READY and left no file."
        raise RuntimeError(message)
    file = blobs.keep(attempt.artifact)
    data = documents.to_bytes(_manifest(version, target, attempt, file=file))
    name = f"{version.model.slug}-{version.number}-{target.name}"
    resources = {MANIFEST_NAME: documents.digest(data), attempt.filename: file.sha256}
    bundle = sign_bundle(resources, name=name, key=configured_keys.signing_key())
    return _Published(file=file, manifest=blobs.keep_bytes(data), signature=blobs.keep_bytes(bundle))


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
            "measurements": {**attempt.measurements, "measured_on": attempt.measured_on},
            "min_agent_version": MIN_AGENT_VERSION,
        },
        documents.Manifest,
    )


def _record(version: ModelVersion, target: HardwareTarget, attempt: Attempt, published: _Published | None) -> None:
    rows = Variant.objects.filter(version=version, target=target.name, recipe=attempt.recipe)
    if rows.filter(status=VariantStatus.READY).exists():
        return  # a READY variant never changes: devices may run it, and its manifest is signed
    Variant.objects.update_or_create(
        version=version, target=target.name, recipe=attempt.recipe, defaults=_columns(target, attempt, published)
    )


def _columns(target: HardwareTarget, attempt: Attempt, published: _Published | None) -> dict[str, Any]:
    rank = next(place for place, step in enumerate(target.chain) if step.recipe == attempt.recipe)
    return {
        "rank": rank,
        "status": attempt.status,
        "reason": attempt.reason,
        "recipe_digest": attempt.recipe_digest,
        "format": attempt.format,
        "filename": attempt.filename,
        "file": published and published.file,
        "manifest": published and published.manifest,
        "signature": published and published.signature,
        "measurements": attempt.measurements,
        "measured_on": attempt.measured_on,
    }
