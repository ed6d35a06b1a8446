"""The builds of a version, as pages and answers show them. Makes no queries of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from registry.models import Job, ModelVersion, Variant
from registry.states import UNVERIFIED, BuildStatus, JobKind, JobStatus, VariantStatus

_OF_OPEN_JOBS: Mapping[str, BuildStatus] = {
    JobStatus.QUEUED: BuildStatus.QUEUED,
    JobStatus.RUNNING: BuildStatus.BUILDING,
    JobStatus.STOPPED: BuildStatus.STOPPED,
}
# Which status a target shows when its presets differ.
_FIRST_TO_LAST = (BuildStatus.BUILDING, BuildStatus.QUEUED, BuildStatus.READY, BuildStatus.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDetails:
    """The last work on one target and preset, or on the check of the upload, which has no target."""

    id: int
    kind: str
    target: str | None
    preset: str | None
    status: BuildStatus
    # What the worker does, why the build waits for another try, or why it was stopped.
    step: str
    # The part of the step that is done; None where the step cannot tell.
    percent: int | None
    attempts: int

    @property
    def can_be_cancelled(self) -> bool:
        """Whether a worker does the build, or will."""
        return self.status in {BuildStatus.QUEUED, BuildStatus.BUILDING}

    @property
    def can_be_retried(self) -> bool:
        """Whether a person may start the build again."""
        return self.status in {BuildStatus.QUEUED, BuildStatus.FAILED, BuildStatus.STOPPED}


def describe_builds(version: ModelVersion, jobs: Sequence[Job]) -> list[BuildDetails]:
    """Describe the newest job of each target and preset; the check of the upload is there until it is over."""
    shown = [job for job in jobs if job.kind == JobKind.BUILD or job.status != JobStatus.DONE]
    return [_describe(version, job) for job in sorted(shown, key=lambda job: job.pk)]


def summarize(version: ModelVersion, builds: Sequence[BuildDetails]) -> dict[str, BuildStatus]:
    """Return one status per target: open work before the result, a READY variant before failures."""
    ready = {row.target for row in version.variants.all() if row.status == VariantStatus.READY}
    return {target: _of_target(version, target, builds, is_ready=target in ready) for target in version.targets}


def _describe(version: ModelVersion, job: Job) -> BuildDetails:
    preset = (job.preset or version.preset) if job.target else None
    return BuildDetails(
        id=job.pk,
        kind=job.kind,
        target=job.target or None,
        preset=preset,
        status=_OF_OPEN_JOBS.get(job.status) or _outcome(version.variants.all(), target=job.target, preset=preset),
        step=job.progress,
        percent=job.percent,
        attempts=job.attempts,
    )


def _outcome(rows: Iterable[Variant], *, target: str, preset: str | None) -> BuildStatus:
    found = [row for row in rows if (row.target, row.preset, row.status) == (target, preset, VariantStatus.READY)]
    return BuildStatus.READY if found else BuildStatus.FAILED


def _of_target(version: ModelVersion, target: str, builds: Sequence[BuildDetails], *, is_ready: bool) -> BuildStatus:
    found = {build.status for build in builds if build.target == target}
    if version.status in UNVERIFIED:
        found.add(BuildStatus.QUEUED)
    if is_ready:
        found.add(BuildStatus.READY)
    return next((status for status in _FIRST_TO_LAST if status in found), BuildStatus.FAILED)
