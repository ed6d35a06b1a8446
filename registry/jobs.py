"""Jobs: queue work, claim a job under a lease, renew the lease, give the job back, finish it.

The row is the truth, a message only a hint (docs/adr/0003). One conditional UPDATE claims a lease; a worker that lost its
lease changes nothing any more. All times are those of the database, so that the clocks of workers need not agree.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from celery import signature
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from core.after_commit import queue_after_commit
from core.errors import Conflict
from registry.models import Job, ModelVersion
from registry.states import JobKind, JobStatus

TASK = "registry.tasks.build_job"
_LONGEST_BACKOFF_SECONDS = 300


class LeaseLost(Conflict):
    """Another worker holds the job, or its version was deleted."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job, until a time."""

    job: Job
    token: uuid.UUID


def queue(version: ModelVersion, *, kind: JobKind, target: str = "", preset: str = "") -> Job:
    """Queue work on a version, and return its job; the same work that is open already is not queued twice."""
    open_jobs = Job.objects.exclude(status=JobStatus.DONE)
    job, _ = open_jobs.get_or_create(version=version, kind=kind, target=target, preset=preset)
    queue_after_commit(signature(TASK), job.pk)
    return job


def list_due() -> QuerySet[Job]:
    """Return the jobs that a worker can claim now, the oldest first: due and waiting, or under an expired lease."""
    return Job.objects.filter(_claimable()).order_by("due_at", "pk")


def claim(job_id: int) -> Lease | None:
    """Take the job under a lease; None if the job is over, not due yet, or held by another worker."""
    token = uuid.uuid4()
    taken = Job.objects.filter(_claimable(), pk=job_id).update(
        status=JobStatus.RUNNING,
        lease_token=token,
        lease_expires_at=Now() + settings.BUILD_LEASE,
        attempts=F("attempts") + 1,
        progress="Starting.",
    )
    if not taken:
        return None
    job = Job.objects.select_related("version__model", "version__source", "version__calibration", "version__cleaned")
    return Lease(job=job.get(pk=job_id), token=token)


def renew(lease: Lease) -> bool:
    """Prolong the lease; False where it is lost."""
    return bool(_held(lease).update(lease_expires_at=Now() + settings.BUILD_LEASE))


def report(lease: Lease, progress: str) -> None:
    """Store a sentence on the progress, for people who wait."""
    _held(lease).update(progress=progress[:300])


def give_back(lease: Lease, *, reason: str, faults: int = 0) -> None:
    """Let the job be tried again later, after 5 s, 10 s, 20 s … at most 5 minutes."""
    seconds = min(_LONGEST_BACKOFF_SECONDS, 5 * 2 ** min(lease.job.attempts - 1, 10))
    _held(lease).update(
        faults=F("faults") + faults,
        status=JobStatus.QUEUED,
        lease_token=None,
        lease_expires_at=None,
        due_at=Now() + timedelta(seconds=seconds),
        progress=f"Waiting to try again: {reason}"[:300],
    )


def finish(lease: Lease) -> None:
    """End the job in the transaction that writes its results, so that both are kept or neither.

    Locks the version's row first, as deleting and replacing a version do.

    Raises:
        LeaseLost: Another worker holds the job; the caller's transaction must not commit.
    """
    ModelVersion.objects.select_for_update().filter(pk=lease.job.version_id).first()
    done = {"status": JobStatus.DONE, "lease_token": None, "lease_expires_at": None, "progress": ""}
    if not _held(lease).update(finished_at=Now(), **done):
        raise LeaseLost(f"The lease on job {lease.job.pk} was lost.")


def _held(lease: Lease) -> QuerySet[Job]:
    return Job.objects.filter(pk=lease.job.pk, lease_token=lease.token, status=JobStatus.RUNNING)


def _claimable() -> Q:
    is_waiting = Q(status=JobStatus.QUEUED, due_at__lte=Now())
    return is_waiting | Q(status=JobStatus.RUNNING, lease_expires_at__lt=Now())
