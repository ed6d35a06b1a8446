"""Build the variants of one target: try its recipes, publish the result, settle the version.

Redoing the work is harmless: equal bytes are stored once, and rows are written only together with the end of the job.
"""

from pathlib import Path

from django.db import transaction

from registry import jobs
from registry.builder import build_cache, configured_limits, inspecting, publishing, recording
from registry.builder.progress import Progress
from registry.builder.spending import Spending
from registry.compression import attempts, model_task
from registry.compression.attempts import Attempt, Companions, Judging, without_file
from registry.compression.budget import Budget
from registry.compression.child_tasks.messages import Inspection
from registry.compression.targets import HardwareTarget, UnknownTarget, get_target, presets
from registry.jobs import Lease
from registry.states import VariantStatus
from registry.storage import blobs
from registry.versions import verbs as versions


def run(lease: Lease, folder: Path) -> None:
    """Try the target's recipes, publish the result, and settle the version.

    Raises:
        SandboxUnavailable: The host could not run the sandbox.
        StoreUnavailable: The store could not be read or written.
        JobCancelled: A person canceled the job; ``TaskCancelled`` where the sandbox was at work.
    """
    version, progress = lease.job.version, Progress(lease)
    target = presets.narrow(get_target(lease.job.target), _preset(lease))
    progress.log(f"Attempt {lease.job.attempts} for {target.name}.")
    try:
        tried = _build(lease, target, folder=folder, progress=progress)
        for attempt in tried:
            progress.log(f"{attempt.recipe}: {attempt.status}. {attempt.reason}".strip())
        progress.begin("Signing and storing.")
    finally:
        progress.flush()
    published = {
        attempt.recipe_digest: publishing.publish(version, target, attempt, preset=_preset(lease))
        for attempt in tried
        if attempt.status in publishing.PUBLISHED
    }
    with transaction.atomic():
        jobs.finish(lease)
        recording.record(version, target, tried, preset=_preset(lease), published=published)
        versions.settle(version)


def record_failure(lease: Lease, *, reason: str) -> None:
    """Write a FAILED row for a target whose build could not end, unless the target has a row."""
    version = lease.job.version
    try:
        target = get_target(lease.job.target)
    except UnknownTarget:
        return  # the target was removed while the build waited, so there is no recipe for a row
    step = target.chain[0]
    preset = _preset(lease)
    if not version.variants.filter(target=target.name, preset=preset).exists():
        failed = without_file(step, VariantStatus.FAILED, reason)
        recording.record(version, target, [failed], preset=preset, published={})


def _preset(lease: Lease) -> str:
    # Jobs that the last release queued have none.
    return lease.job.preset or lease.job.version.preset


def _build(lease: Lease, target: HardwareTarget, *, folder: Path, progress: Progress) -> list[Attempt]:
    version = lease.job.version
    progress.begin("Fetching the model.")
    source = inspecting.fetch_cleaned(version, folder, progress=progress)
    calibration = inspecting.fetch_samples(version.calibration, folder / "calibration.npz")
    progress.begin("Compressing and measuring in the sandbox.")
    return attempts.build_attempts(
        source,
        target,
        inspection=Inspection.from_json(version.inspection),
        calibration=calibration,
        scratch=folder,
        limits=configured_limits.configured(),
        judging=_judging(lease, folder),
        builds_all=lease.job.builds_all_recipes,
        beside=Companions(
            on_progress=lambda step, done: progress.on_progress(f"Compressing by {step}", done),
            is_cancelled=progress.is_cancelled,
            cache=build_cache,
            history=Spending(version, target=target.name),
        ),
    )


def _judging(lease: Lease, folder: Path) -> Judging:
    """Fetch what the variants are judged against."""
    version = lease.job.version
    return Judging(
        upload=blobs.fetch(version.source, folder / "upload.onnx"),
        evaluation=inspecting.fetch_samples(version.evaluation, folder / "evaluation.npz"),
        task=model_task.read(version.metadata),
        budget=Budget.from_json(version.budget),
        preset=_preset(lease),
    )
