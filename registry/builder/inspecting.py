"""Inspect the upload of a version in the sandbox, and make its cleaned copy again where the stored one is damaged."""

from pathlib import Path

from registry.baselines import verbs as baselines
from registry.builder import configured_limits
from registry.builder.progress import Progress
from registry.compression import inspections, model_task
from registry.compression.child_tasks.messages import Inspection
from registry.compression.inspections import Declared
from registry.models import Blob, ModelVersion
from registry.storage import BlobCorrupt, BlobMissing, blobs


def inspect(version: ModelVersion, folder: Path, *, progress: Progress) -> tuple[Inspection, Path]:
    """Fetch the files of a version, inspect the model, and return what was found and the cleaned model.

    Raises:
        ModelRefused: A rule refuses the model or its samples.
        SandboxKilled: Reading the model crossed a limit.
        SandboxUnavailable: The host could not run the sandbox.
        StoreUnavailable: The store could not be read.
        JobCancelled: A person canceled the job; ``TaskCancelled`` where the sandbox was at work.
    """
    progress.begin("Fetching the upload.")
    source = blobs.fetch(version.source, folder / "upload.onnx")
    calibration = fetch_samples(version.calibration, folder / "calibration.npz")
    evaluation = fetch_samples(version.evaluation, folder / "evaluation.npz")
    progress.begin("Checking the model in the sandbox.")
    return inspections.inspect_model(
        source,
        scratch=folder,
        calibration=calibration,
        evaluation=evaluation,
        declared=_read_declared(version),
        limits=configured_limits.configured(),
        on_progress=lambda step, done: progress.on_progress(f"Checking the model: {step}", done),
        is_cancelled=progress.is_cancelled,
    )


def fetch_cleaned(version: ModelVersion, folder: Path, *, progress: Progress) -> Path:
    """Fetch the cleaned copy of the model; a damaged one is made again from the upload.

    Raises:
        BlobCorrupt: or ``BlobMissing``: The copy is lost, and this release makes another one of the upload.
    """
    if version.cleaned is None:
        return blobs.fetch(version.source, folder / "source.onnx")
    try:
        return blobs.fetch(version.cleaned, folder / "source.onnx")
    except (BlobMissing, BlobCorrupt):
        progress.log("The cleaned copy of the model is damaged; it is made again.")
        _, cleaned = inspect(version, folder, progress=progress)
        if blobs.keep(cleaned).sha256 != version.cleaned_id:
            raise
        return cleaned


def fetch_samples(blob: Blob | None, destination: Path) -> Path | None:
    """Fetch a file of samples, if there is one."""
    return blobs.fetch(blob, destination) if blob else None


def _read_declared(version: ModelVersion) -> Declared:
    baseline = baselines.for_manifest(version)
    return Declared(
        shapes=version.metadata.get("shapes", {}),
        task=model_task.read(version.metadata),
        baseline=baseline["confidence"] if baseline else None,
    )
