"""Run one job from claim to end, and turn every failure into rows.

1. claim the job, or leave it to the worker that holds it
2. verify or build in a scratch folder, while a heartbeat renews the lease
3. write the results and end the job in one transaction; after a lost lease nothing is written

After trouble of the host (store, disk, sandbox) the job waits for another try. A refused model ends its version. When the
database cannot be reached the row stays as it is: the lease expires, and beat sends the job again. A job that a person
cancels, that loses worker after worker, or whose stored file stays damaged is stopped: a person may start it again.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection, transaction

from core.errors import DomainError, Kind
from registry import jobs
from registry.builder import scratch, target_build, verification
from registry.builder.heartbeat import Heartbeat
from registry.compression.sandbox.parent import TaskCancelled
from registry.jobs import JobCancelled, Lease, LeaseLost
from registry.states import JobKind
from registry.storage import BlobCorrupt, BlobMissing
from registry.versions import verbs as versions

logger = logging.getLogger(__name__)

# After so many errors of our own code on one model, the version shows that the builder failed.
_MAX_FAULTS = 5
# A restart of the server kills a worker too, so that one is not enough.
_MAX_LOST_WORKERS = 5
# With the growing pauses, about an hour. Nothing but a new upload mends a damaged file.
_MAX_ATTEMPTS_ON_DAMAGE = 15
_STEPS: dict[str, Callable[[Lease, Path], None]] = {JobKind.VERIFY: verification.run, JobKind.BUILD: target_build.run}


def run(job_id: int) -> bool:
    """Do the job; return False if another worker holds it. Running a job twice, even at the same time, is harmless."""
    return _run(jobs.claim(job_id))


def run_next() -> bool:
    """Do the job whose turn it is; return False if there is none."""
    return _run(jobs.claim_next())


def _run(lease: Lease | None) -> bool:
    if lease is None:
        return False
    job = lease.job
    logger.info("job %s (%s): attempt %s", job.pk, job, job.attempts)
    try:
        if job.lost_workers >= _MAX_LOST_WORKERS:
            _stop(
                lease, f"The worker was lost {job.lost_workers} times during this work, so the work is not tried again."
            )
        else:
            _work(lease)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("job %s: the database failed: %s", job.pk, type(error).__name__)
        connection.close()
    except LeaseLost:
        logger.warning("job %s: finished after its lease was lost; nothing was written", job.pk)
    return True


def _work(lease: Lease) -> None:
    try:
        scratch.sweep()
        with scratch.folder(lease) as folder, Heartbeat(lease):
            _STEPS[lease.job.kind](lease, folder)
    except (LeaseLost, DatabaseError, InterfaceError):
        raise
    except (JobCancelled, TaskCancelled):
        _stop(lease, "Canceled.")
    except (DomainError, OSError) as error:
        _end(lease, error)
    except Exception:
        # The outermost loop of a worker: no error may stop the other jobs, and every error must be seen.
        logger.exception("job %s (%s): an error of the builder", lease.job.pk, lease.job)
        _end_fault(lease)


def _end(lease: Lease, error: DomainError | OSError) -> None:
    if isinstance(error, OSError):
        _give_back(lease, f"the builder's disk or system failed ({error.strerror or type(error).__name__}).")
    elif isinstance(error, BlobMissing | BlobCorrupt) and lease.job.attempts >= _MAX_ATTEMPTS_ON_DAMAGE:
        _stop(
            lease, f"A stored file of this version is damaged or missing; upload the same files again. {error.detail}"
        )
    elif error.kind is Kind.UNAVAILABLE or isinstance(error, BlobMissing):
        _give_back(lease, error.detail)
    else:
        _reject(lease, error.detail)


def _give_back(lease: Lease, reason: str) -> None:
    logger.warning("job %s (%s): to be tried again: %s", lease.job.pk, lease.job, reason)
    jobs.give_back(lease, reason=reason)


def _stop(lease: Lease, reason: str) -> None:
    logger.warning("job %s (%s): stopped: %s", lease.job.pk, lease.job, reason)
    with transaction.atomic():
        if jobs.stop(lease, reason=reason):
            versions.settle(lease.job.version)


def _end_fault(lease: Lease) -> None:
    faults = lease.job.faults + 1
    if faults < _MAX_FAULTS:
        jobs.give_back(lease, reason="a fault of the builder; it was logged.", faults=1)
    else:
        _reject(lease, f"The builder failed {faults} times on it; the log has job {lease.job.pk}.")


def _reject(lease: Lease, reason: str) -> None:
    with transaction.atomic():
        jobs.finish(lease)
        if lease.job.kind == JobKind.VERIFY:
            versions.reject(lease.job.version, reason=reason)
        else:
            target_build.record_failure(lease, reason=reason)
            versions.settle(lease.job.version)
