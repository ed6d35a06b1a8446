"""Builds, as people steer them: cancel, try again, read the log. A build is a job (``registry.jobs``)."""

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Conflict, Missing
from registry import jobs
from registry.models import Job, ModelVersion
from registry.states import CLOSED, JobKind, JobStatus, VersionStatus
from registry.versions import variants
from registry.versions import verbs as versions


class UnknownBuild(Missing):
    """The version has no such build."""

    code = "unknown_build"


class BuildIsOver(Conflict):
    """The build came to its end, so it cannot be canceled."""

    code = "build_is_over"


class BuildIsRunning(Conflict):
    """A worker does the build, so it cannot be tried again."""

    code = "build_is_running"


def get(version: ModelVersion, build_id: int) -> Job:
    """Return a build of the version.

    Raises:
        UnknownBuild: There is none of that number.
    """
    found = Job.objects.filter(version=version, pk=build_id).first()
    if found is None:
        raise UnknownBuild(f"{version} has no build {build_id}.")
    return found


@transaction.atomic
def cancel(version: ModelVersion, build_id: int, *, actor: Actor) -> None:
    """Stop a build: at once where it waits, within seconds where a worker does it. READY variants stay.

    Raises:
        UnknownBuild: There is none of that number.
        BuildIsOver: It came to its end before.
    """
    job = get(version, build_id)
    if not jobs.cancel(job, reason=f"Canceled by {actor}."):
        raise BuildIsOver(f"The build {build_id} of {version} is over.")
    audit.record(actor, action="cancel_build", object_type="version", object_id=version, after=_named(job))
    versions.settle(version)


@transaction.atomic
def retry(version: ModelVersion, build_id: int, *, actor: Actor) -> None:
    """Start a stopped or failed build again, and one that waits for another try at once.

    The limits on the version's time of builders count from here again.

    Raises:
        UnknownBuild: There is none of that number.
        BuildIsRunning: A worker does it now.
        CannotBuild: The version is rejected or retired.
    """
    locked = ModelVersion.objects.select_for_update(of=("self",)).select_related("model").get(pk=version.pk)
    job = get(locked, build_id)
    if locked.status in CLOSED:
        raise variants.CannotBuild(f"{locked} is {locked.status}; no variant is built of it.")
    if job.status == JobStatus.RUNNING:
        raise BuildIsRunning(f"A worker does the build {build_id} of {locked} now; cancel it first.")
    if job.status == JobStatus.DONE:
        _queue_again(locked, job)
    else:
        jobs.restart(job)
    variants.forgive(locked)
    audit.record(actor, action="retry_build", object_type="version", object_id=locked, after=_named(job))
    versions.settle(locked)


def settle_abandoned() -> None:
    """End the canceled builds whose worker was lost."""
    for job in jobs.stop_abandoned():
        versions.settle(job.version)


def _queue_again(version: ModelVersion, job: Job) -> None:
    if version.status == VersionStatus.VERIFYING or not job.target:
        raise BuildIsOver(f"The check of {version} is over.")
    preset = job.preset or version.preset
    jobs.queue(version, kind=JobKind.BUILD, target=job.target, preset=preset, builds_all_recipes=job.builds_all_recipes)


def _named(job: Job) -> dict[str, str | int]:
    return {"build": job.pk, "target": job.target, "preset": job.preset}
