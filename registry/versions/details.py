"""A version as people and programs see it: its state, how far the work on it is, and every variant. No queries of its own."""

from collections.abc import Iterator, Sequence
from typing import Any

from registry.models import Job, ModelVersion, Variant
from registry.states import UNVERIFIED, JobKind, JobStatus, VariantStatus

MEASUREMENTS = (
    "agreement",
    "sqnr_db",
    "accuracy_before",
    "accuracy_after",
    "latency_p50_ms",
    "latency_p95_ms",
    "source_latency_p50_ms",
    "peak_memory_bytes",
    "seconds",
)
_NOTHING: dict[str, Any] = dict.fromkeys(
    ("reason", "recipe", "format", "sha256", "size", "size_ratio", "measured_on"), None
)


def describe_version(version: ModelVersion) -> dict[str, Any]:
    """Return the Version of the wire contract, for a row that ``registry.versions.queries.with_variants`` prepared."""
    open_jobs: list[Job] = version.open_jobs  # type: ignore[attr-defined]  # prefetched under this name
    return {
        "model": version.model.slug,
        "version": version.number,
        "status": version.status,
        "status_message": version.status_message,
        "progress": describe_progress(version, open_jobs),
        "sha256": version.source_id,
        "size": version.source.size,
        "inputs": version.inputs,
        "outputs": version.outputs,
        "targets": version.targets,
        "metadata": version.metadata,
        "has_calibration": version.calibration_id is not None,
        "created_at": version.created_at,
        "created_by": version.created_by,
        "ready_at": version.ready_at,
        "quarantined_at": version.quarantined_at,
        "quarantine_reason": version.quarantine_reason,
        "variants": _describe_variants(version, open_jobs),
    }


def describe_progress(version: ModelVersion, open_jobs: Sequence[Job]) -> str:
    """Return one sentence on the work that is left; empty when there is none."""
    if not open_jobs:
        return ""
    running = next((job for job in open_jobs if job.status == JobStatus.RUNNING), None)
    waiting = next((job.progress for job in open_jobs if job.progress), "")
    builds = [job for job in open_jobs if job.kind == JobKind.BUILD]
    if not builds:
        return running.progress if running else waiting or "Waiting for a builder to check the upload."
    done = f"{len(version.targets) - len(builds)} of {len(version.targets)} targets done."
    if running:
        return f"{done} {running.target}: {running.progress}"
    return f"{done} {waiting or 'Waiting for a builder.'}"


def _describe_variants(version: ModelVersion, open_jobs: Sequence[Job]) -> list[dict[str, Any]]:
    rows = sorted(version.variants.all(), key=lambda row: row.rank)
    asked = version.targets
    # What is not asked for (any more) still was built, and is listed.
    targets = [*asked, *sorted({row.target for row in rows} - set(asked))]
    return [variant for target in targets for variant in _describe_target(version, target, rows, open_jobs)]


def _describe_target(
    version: ModelVersion, target: str, rows: Sequence[Variant], open_jobs: Sequence[Job]
) -> Iterator[dict[str, Any]]:
    attempts = [row for row in rows if row.target == target]
    default = next((row for row in attempts if row.status == VariantStatus.READY), None)
    for row in attempts:
        yield _describe_attempt(row, is_default=row is default, source_size=version.source.size)
    job = next((job for job in open_jobs if job.target == target), None)
    if job is not None:
        yield _describe_pending(
            target, status=VariantStatus.BUILDING if job.status == JobStatus.RUNNING else VariantStatus.QUEUED
        )
    elif not attempts and version.status in UNVERIFIED:
        yield _describe_pending(target, status=VariantStatus.QUEUED)


def _describe_attempt(row: Variant, *, is_default: bool, source_size: int) -> dict[str, Any]:
    return {
        "target": row.target,
        "status": row.status,
        "reason": row.reason,
        "is_default": is_default,
        "recipe": row.recipe,
        "format": row.format or None,
        "sha256": row.file_id,
        "size": row.file.size if row.file else row.measurements.get("size"),
        "size_ratio": source_size / row.file.size if row.file else row.measurements.get("size_ratio"),
        "measured_on": row.measured_on or None,
        "measurements": {name: row.measurements.get(name) for name in MEASUREMENTS},
    }


def _describe_pending(target: str, *, status: str) -> dict[str, Any]:
    empty = {"measurements": dict.fromkeys(MEASUREMENTS)}
    return {"target": target, "status": status, "is_default": False, **_NOTHING, **empty}
