"""Verify an upload: everything that reads its bytes happens in the sandbox's child process."""

from pathlib import Path

from django.conf import settings
from django.db import transaction

from registry import jobs
from registry.compression import recipe_chain
from registry.jobs import Lease
from registry.storage import blobs
from registry.versions import verbs as versions


def run(lease: Lease, folder: Path) -> None:
    """Fetch, inspect, store the cleaned model, and queue the builds.

    Raises:
        ModelRefused: The door refuses the model or the calibration data.
        SandboxKilled: Reading it crossed a limit.
        SandboxUnavailable: The host could not run the sandbox.
        StoreUnavailable: The store could not be read or written.
    """
    version = lease.job.version
    jobs.report(lease, "Fetching the upload.")
    source = blobs.fetch(version.source, folder / "source.onnx")
    calibration = blobs.fetch(version.calibration, folder / "calibration.npz") if version.calibration else None
    jobs.report(lease, "Checking the model in the sandbox.")
    found = recipe_chain.inspect_model(source, scratch=folder, calibration=calibration, limits=limits())
    cleaned = blobs.keep(found.cleaned) if found.cleaned else version.source
    with transaction.atomic():
        jobs.finish(lease)
        versions.begin_building(
            version, cleaned=cleaned, inspection=found.to_json(), inputs=found.inputs, outputs=found.outputs
        )


def limits() -> recipe_chain.Limits:
    """Return the sandbox's limits as this installation sets them."""
    return recipe_chain.Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES,
        cpu_seconds=settings.SANDBOX_SECONDS,
        wall_seconds=settings.SANDBOX_SECONDS * 1.5,
    )
