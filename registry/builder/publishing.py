"""Publish a file that a recipe made: store it, and write and sign its manifests.

A variant that schema 1 can express has a manifest of both schemas, each with a signature of its own: agents before 0.2.0 read
schema 1 only. Variants that wait for a person are published too, so that a person's word changes a state and no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from registry.baselines import verbs as baselines
from registry.baselines.histograms import NamedStatistics
from registry.compression.attempts import Attempt, RuntimeChoice
from registry.compression.targets import HardwareTarget
from registry.manifests import configured_keys, documents, parts, schema_1, schema_2
from registry.manifests.parts import Scalars
from registry.manifests.signing import sign_bundle
from registry.models import Blob, ModelVersion
from registry.names import MANIFEST_NAME
from registry.states import OFFERABLE_VARIANTS, VariantStatus
from registry.storage import blobs

# What is published: everything that devices may be given now, or once a person has vouched for it.
PUBLISHED: Final = OFFERABLE_VARIANTS | {VariantStatus.SUSPECT_CALIBRATION}

_QUALITY_NUMBERS: Final = ("agreement", "accuracy_before", "accuracy_after", "sqnr_db", "metric")
_JUDGED_ON: Final[Mapping[str, Literal["evaluation", "calibration", "none"]]] = {
    "evaluation": "evaluation",
    "held_out": "calibration",
    "random": "none",
}


@dataclass(frozen=True, slots=True)
class Published:
    """The blobs of a published variant; each field has the name of its column."""

    file: Blob
    # None where schema 1 cannot express the variant.
    manifest: Blob | None = None
    signature: Blob | None = None
    manifest_schema_2: Blob | None = None
    signature_schema_2: Blob | None = None


def publish(version: ModelVersion, target: HardwareTarget, attempt: Attempt, *, preset: str) -> Published:
    """Store the file of an attempt and its signed manifests. Only rows of blobs are written."""
    if attempt.artifact is None or attempt.runtime is None or attempt.self_test is None:
        message = f"The recipe {attempt.recipe} is {attempt.status} and left no file."
        raise RuntimeError(message)
    file = blobs.keep(attempt.artifact)
    baseline = baselines.for_manifest(version)
    newer = _describe(version, target, attempt, file=file, preset=preset, runtime=attempt.runtime, baseline=baseline)
    older = schema_2.to_schema_1(newer, baseline=msgspec.convert(baseline, schema_1.Statistics | None))
    name = f"{version.model.slug}-{version.number}-{target.name}"
    manifest_2, signature_2 = _sign(newer, name=name)
    manifest_1, signature_1 = _sign(older, name=name) if older is not None else (None, None)
    return Published(
        file=file,
        manifest=manifest_1,
        signature=signature_1,
        manifest_schema_2=manifest_2,
        signature_schema_2=signature_2,
    )


def _sign(manifest: documents.Manifest, *, name: str) -> tuple[Blob, Blob]:
    data = documents.to_bytes(manifest)
    resources = {MANIFEST_NAME: parts.digest(data), manifest.file.name: manifest.file.sha256}
    bundle = sign_bundle(resources, name=name, key=configured_keys.signing_key())
    return blobs.keep_bytes(data), blobs.keep_bytes(bundle)


def _describe(
    version: ModelVersion,
    target: HardwareTarget,
    attempt: Attempt,
    *,
    file: Blob,
    preset: str,
    runtime: RuntimeChoice,
    baseline: NamedStatistics | None,
) -> schema_2.Manifest:
    values = {
        "model": version.model.slug,
        "version": version.number,
        "target": target.name,
        "preset": preset,
        "recipe": attempt.recipe,
        "recipe_digest": attempt.recipe_digest,
        "file": {"name": attempt.filename, "size": file.size, "sha256": file.sha256, "format": attempt.format},
        "runtime": {
            **runtime,
            "providers": [
                {"name": name, "options": dict(target.provider_options.get(name, {}))} for name in runtime["providers"]
            ],
            "threads": target.threads,
            "max_opset": target.max_opset,
        },
        "inputs": version.inputs,
        "outputs": version.outputs,
        "task": _task(version),
        "preprocessing": version.metadata.get("preprocessing") or [],
        "labels": version.metadata.get("labels", []),
        "self_test": attempt.self_test and {**attempt.self_test, "judge": attempt.self_test_judge},
        "baseline": baseline and {"sha256": parts.digest(parts.canonical_json(baseline)), "bins_id": baseline["id"]},
        "source": {"sha256": version.source.sha256, "size": version.source.size},
        "quality": _quality(attempt),
        "measurements": {**(attempt.measurements or {}), "measured_on": attempt.measured_on},
    }
    manifest: schema_2.Manifest = msgspec.convert(values, schema_2.Manifest)
    return manifest


def _task(version: ModelVersion) -> Scalars:
    """Return the task that a person said, else the one that the intake guessed, without the fields that its kind does not use."""
    found = version.metadata.get("task") or version.inspection.get("task") or {"kind": "other"}
    return {name: value for name, value in found.items() if value is not None and name != "is_assumed"}


def _quality(attempt: Attempt) -> schema_2.Quality:
    if attempt.measurements is None:
        return schema_2.Quality(judged_on="none")
    numbers = attempt.measurements.items()
    return schema_2.Quality(
        judged_on=_JUDGED_ON[attempt.measurements["parity_on"]],
        warnings=list(attempt.warnings),
        metrics={name: value for name, value in numbers if name in _QUALITY_NUMBERS and value is not None},
    )
