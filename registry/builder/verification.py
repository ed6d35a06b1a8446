"""Verify an upload. Only the child process of the sandbox reads its bytes."""

from pathlib import Path

from django.db import transaction

from registry import jobs
from registry.builder import configured_limits
from registry.builder.progress import Progress
from registry.compression import inspections
from registry.jobs import Lease
from registry.storage import blobs
from registry.versions import verbs as versions


def run(lease: Lease, folder: Path) -> None:
    """Fetch, inspect, store the cleaned model, and queue the builds.

    Raises:
        ModelRefused: A rule refuses the model or the calibration data.
        SandboxKilled: Reading the model crossed a limit.
        SandboxUnavailable: The host could not run the sandbox.
        StoreUnavailable: The store could not be read or written.
        JobCancelled: A person canceled the job; ``TaskCancelled`` where the sandbox was at work.
    """
    version, progress = lease.job.version, Progress(lease)
    progress.log(f"Attempt {lease.job.attempts} to check the upload.")
    progress.begin("Fetching the upload.")
    source = blobs.fetch(version.source, folder / "source.onnx")
    calibration = blobs.fetch(version.calibration, folder / "calibration.npz") if version.calibration else None
    progress.begin("Checking the model in the sandbox.")
    try:
        found, cleaned = inspections.inspect_model(
            source,
            scratch=folder,
            calibration=calibration,
            limits=configured_limits.configured(),
            on_progress=lambda step, done: progress.on_progress(f"Checking the model: {step}", done),
            is_cancelled=progress.is_cancelled,
        )
        progress.begin("Storing the model.")
    finally:
        progress.flush()
    kept = blobs.keep(cleaned)
    with transaction.atomic():
        jobs.finish(lease)
        versions.begin_building(version, cleaned=kept, inspection=found)
