"""Run one job from claim to end, and turn every way it can fail into rows.

1. claim it, or leave it to whoever has it
2. verify or build in a scratch folder, with a heartbeat on the lease
3. what came out, and the end of the job, are one transaction; a lost lease writes nothing

Trouble of the host (store, disk, sandbox) gives the job back to be tried again. A refusal of the model is the version's
end. A database that cannot be reached leaves the row as it is: its lease runs out, and beat finds it.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection, transaction

from core.errors import DomainError, Kind
from registry import jobs
from registry.builder import scratch, target_build, verification
from registry.builder.heartbeat import Heartbeat
from registry.jobs import Lease, LeaseLost
from registry.states import JobKind
from registry.storage import BlobMissing
from registry.versions import verbs as versions

logger = logging.getLogger(__name__)

# A fault of ours on this very model is tried again as often, and then shown.
_MAX_FAULTS = 5
_STEPS: dict[str, Callable[[Lease, Path], None]] = {JobKind.VERIFY: verification.run, JobKind.BUILD: target_build.run}


def run(job_id: int) -> bool:
    """Do the job, and return whether it was ours to do. Running it twice, or at two places at once, is harmless."""
    lease = jobs.claim(job_id)
    if lease is None:
        return False
    logger.info("job %s (%s): attempt %s", job_id, lease.job, lease.job.attempts)
    try:
        _work(lease)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("job %s: the database failed: %s", job_id, type(error).__name__)
        connection.close()
    except LeaseLost:
        logger.warning("job %s: finished after its lease was lost; nothing was written", job_id)
    return True


def _work(lease: Lease) -> None:
    try:
        scratch.sweep()
        with scratch.folder(lease) as folder, Heartbeat(lease):
            _STEPS[lease.job.kind](lease, folder)
    except (LeaseLost, DatabaseError, InterfaceError):
        raise
    except (DomainError, OSError) as error:
        _end(lease, error)
    except Exception:
        # The outermost loop of a worker: whatever it was must not stop other jobs, and must be seen.
        logger.exception("job %s (%s): a fault of ours", lease.job.pk, lease.job)
        _end_fault(lease)


def _end(lease: Lease, error: DomainError | OSError) -> None:
    if isinstance(error, OSError):
        _give_back(lease, f"the builder's disk or system failed ({error.strerror or type(error).__name__}).")
    elif error.kind is Kind.UNAVAILABLE or isinstance(error, BlobMissing):
        _give_back(lease, error.detail)
    else:
        _reject(lease, error.detail)


def _give_back(lease: Lease, reason: str) -> None:
    logger.warning("job %s (%s): to be tried again: %s", lease.job.pk, lease.job, reason)
    jobs.give_back(lease, reason=reason)


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
