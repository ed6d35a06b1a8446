"""Verify an upload. Only the child process of the sandbox reads its bytes."""

from pathlib import Path

from django.db import transaction

from registry import jobs
from registry.builder import inspecting
from registry.builder.progress import Progress
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
    try:
        found, cleaned = inspecting.inspect(version, folder, progress=progress)
        progress.begin("Storing the model.")
    finally:
        progress.flush()
    kept = blobs.keep(cleaned)
    with transaction.atomic():
        jobs.finish(lease)
        versions.begin_building(version, cleaned=kept, inspection=found)
