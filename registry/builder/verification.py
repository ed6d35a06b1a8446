"""Verify an upload. Only the child process of the sandbox reads its bytes."""

from pathlib import Path

from django.db import transaction

from registry import jobs
from registry.builder import configured_limits
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
    """
    version = lease.job.version
    jobs.report(lease, "Fetching the upload.")
    source = blobs.fetch(version.source, folder / "source.onnx")
    calibration = blobs.fetch(version.calibration, folder / "calibration.npz") if version.calibration else None
    jobs.report(lease, "Checking the model in the sandbox.")
    found, cleaned = inspections.inspect_model(
        source, scratch=folder, calibration=calibration, limits=configured_limits.configured()
    )
    kept = blobs.keep(cleaned)
    with transaction.atomic():
        jobs.finish(lease)
        versions.begin_building(version, cleaned=kept, inspection=found)
