"""Jobs: queue work, claim a job under a lease, renew the lease, give the job back, stop it, finish it.

The row is the truth, a message only a hint (docs/adr/0003). One conditional UPDATE claims a lease; a worker that lost its
lease changes nothing any more. All times are those of the database, so that the clocks of workers need not agree.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from celery import signature
from django.conf import settings
from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat, Now, Right

from core.after_commit import queue_after_commit
from core.errors import Conflict
from registry.models import Job, ModelVersion
from registry.states import JobKind, JobStatus

TASK = "registry.tasks.build_job"
_LONGEST_BACKOFF_SECONDS = 300
# Another worker may take the job that this one chose; then this one takes the next.
_CHOICES = 20
_LOG_LENGTH = 32_000
_PROGRESS_LENGTH = Job._meta.get_field("progress").max_length or 0  # noqa: SLF001 - Django's documented API


class LeaseLost(Conflict):
    """Another worker holds the job, or its version was deleted."""

    code = "lease_lost"


class JobCancelled(Conflict):
    """A person canceled the job while a worker did it."""

    code = "job_cancelled"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job, until a time."""

    job: Job
    token: uuid.UUID


def queue(
    version: ModelVersion, *, kind: JobKind, target: str = "", preset: str = "", builds_all_recipes: bool = False
) -> Job:
    """Queue work on a version, and return its job; the same work that is open already is not queued twice.

    A stopped job starts again. An open build that ends after it was asked for all recipes is queued once more.
    """
    rows = Job.objects.exclude(status=JobStatus.DONE)
    given = {"builds_all_recipes": builds_all_recipes}
    job, is_new = rows.get_or_create(version=version, kind=kind, target=target, preset=preset, defaults=given)
    if not is_new and builds_all_recipes:
        rows.filter(pk=job.pk).update(**given)
    if job.status == JobStatus.STOPPED:
        restart(job)
    queue_after_commit(signature(TASK), job.pk)
    return job


def restart(job: Job) -> None:
    """Let a stopped job start again now, and one that waits for another try begin at once."""
    Job.objects.filter(pk=job.pk, status__in={JobStatus.STOPPED, JobStatus.QUEUED}).update(
        status=JobStatus.QUEUED,
        attempts=0,
        faults=0,
        lost_workers=0,
        cancelled_at=None,
        due_at=Now(),
        progress="",
        percent=None,
    )
    queue_after_commit(signature(TASK), job.pk)


def list_due() -> QuerySet[Job]:
    """Return the jobs that a worker can claim now: due and waiting, or under an expired lease.

    The models take turns: first the models that fewest workers work for, of those the one that was served least recently,
    and of a model the oldest job. So a model with a hundred builds does not keep another one waiting.
    """
    of_model = Job.objects.filter(version__model=OuterRef("version__model")).order_by()
    running = of_model.filter(status=JobStatus.RUNNING, lease_expires_at__gte=Now()).values("version__model")
    served = of_model.exclude(claimed_at=None).order_by("-claimed_at").values("claimed_at")[:1]
    return (
        Job.objects.filter(_claimable())
        .alias(
            workers=Coalesce(Subquery(running.annotate(count=Count("pk")).values("count")), 0), served=Subquery(served)
        )
        .order_by("workers", F("served").asc(nulls_first=True), "due_at", "pk")
    )


def claim_next() -> Lease | None:
    """Take the first job of ``list_due`` under a lease; None if there is none."""
    choices = list_due().values_list("pk", flat=True)[:_CHOICES]
    return next((lease for job_id in choices if (lease := claim(job_id)) is not None), None)


def claim(job_id: int) -> Lease | None:
    """Take the job under a lease; None if the job is over, not due yet, or held by another worker."""
    token = uuid.uuid4()
    taken = Job.objects.filter(_claimable(), pk=job_id).update(
        status=JobStatus.RUNNING,
        lease_token=token,
        lease_expires_at=Now() + settings.BUILD_LEASE,
        claimed_at=Now(),
        attempts=F("attempts") + 1,
        # The holder of an expired lease did not come to an end: its process was killed, or its machine lost.
        lost_workers=F("lost_workers")
        + Case(When(status=JobStatus.RUNNING, then=1), default=0, output_field=IntegerField()),
        progress="Starting.",
        percent=None,
    )
    if not taken:
        return None
    job = Job.objects.select_related(
        "version__model", "version__source", "version__calibration", "version__evaluation", "version__cleaned"
    )
    return Lease(job=job.get(pk=job_id), token=token)


def renew(lease: Lease) -> bool:
    """Prolong the lease; False where it is lost."""
    return bool(_held(lease).update(lease_expires_at=Now() + settings.BUILD_LEASE))


def report(lease: Lease, progress: str, *, percent: int | None = None, log: str = "") -> None:
    """Store what the worker does, for people who wait, and add to the log; of a long log the newest part is kept."""
    values = {"progress": progress[:_PROGRESS_LENGTH], "percent": percent}
    _held(lease).update(**values, **({"log": _added_to_log(log)} if log else {}))


def is_cancelled(lease: Lease) -> bool:
    """Say whether a person canceled the job, or the lease is lost: in both cases the work is of no use."""
    return not _held(lease).filter(cancelled_at=None).exists()


def give_back(lease: Lease, *, reason: str, faults: int = 0) -> None:
    """Let the job be tried again later, after 5 s, 10 s, 20 s … at most 5 minutes."""
    seconds = min(_LONGEST_BACKOFF_SECONDS, 5 * 2 ** min(lease.job.attempts - 1, 10))
    _held(lease).update(
        faults=F("faults") + faults,
        status=JobStatus.QUEUED,
        lease_token=None,
        lease_expires_at=None,
        due_at=Now() + timedelta(seconds=seconds),
        progress=f"Waiting to try again: {reason}"[:_PROGRESS_LENGTH],
        percent=None,
        log=_added_to_log(f"Waiting to try again: {reason}\n"),
    )


def stop(lease: Lease, *, reason: str) -> bool:
    """End the job without a result, until a person starts it again; False where the lease is lost."""
    return bool(_held(lease).update(**_stopped(reason)))


def cancel(job: Job, *, reason: str) -> bool:
    """Stop a job that waits, or tell the worker that does it; False where the job is over already."""
    rows = Job.objects.filter(pk=job.pk)
    if rows.filter(status=JobStatus.QUEUED).update(**_stopped(reason), cancelled_at=Now()):
        return True
    return bool(rows.filter(status=JobStatus.RUNNING).update(cancelled_at=Now(), progress=reason[:_PROGRESS_LENGTH]))


def stop_abandoned() -> list[Job]:
    """Stop and return the canceled jobs that no worker does, or whose worker was lost before it came to the end."""
    rows = Job.objects.filter(Q(status=JobStatus.QUEUED) | _lost()).exclude(cancelled_at=None)
    found = list(rows.select_related("version__model"))
    return [job for job in found if rows.filter(pk=job.pk).update(**_stopped("Canceled."))]


def finish(lease: Lease) -> None:
    """End the job in the transaction that writes its results, so that both are kept or neither.

    Locks the version's row first, as deleting and replacing a version do.

    Raises:
        LeaseLost: Another worker holds the job; the caller's transaction must not commit.
        JobCancelled: A person canceled the job meanwhile; the caller's transaction must not commit.
    """
    ModelVersion.objects.select_for_update().filter(pk=lease.job.version_id).first()
    done = {"status": JobStatus.DONE, "lease_token": None, "lease_expires_at": None, "progress": "", "percent": None}
    if not _held(lease).filter(cancelled_at=None).update(finished_at=Now(), **done):
        if _held(lease).exists():
            raise JobCancelled(f"The job {lease.job.pk} was canceled.")
        raise LeaseLost(f"The lease on job {lease.job.pk} was lost.")
    if not lease.job.builds_all_recipes:
        # A person may have asked for all recipes since the job was claimed.
        asked = Job.objects.filter(pk=lease.job.pk, builds_all_recipes=True)
        asked.update(status=JobStatus.QUEUED, finished_at=None)


def _added_to_log(text: str) -> Right:
    return Right(Concat("log", Value(text[-_LOG_LENGTH:])), _LOG_LENGTH)


def _stopped(reason: str) -> dict[str, str | Now | Right | None]:
    return {
        "status": JobStatus.STOPPED,
        "lease_token": None,
        "lease_expires_at": None,
        "finished_at": Now(),
        "progress": reason[:_PROGRESS_LENGTH],
        "percent": None,
        "log": _added_to_log(f"Stopped: {reason}\n"),
    }


def _held(lease: Lease) -> QuerySet[Job]:
    return Job.objects.filter(pk=lease.job.pk, lease_token=lease.token, status=JobStatus.RUNNING)


def _claimable() -> Q:
    # A job that was canceled is never done; ``stop_abandoned`` ends it.
    return Q(cancelled_at=None) & (Q(status=JobStatus.QUEUED, due_at__lte=Now()) | _lost())


def _lost() -> Q:
    return Q(status=JobStatus.RUNNING, lease_expires_at__lt=Now())
