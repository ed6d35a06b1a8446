"""The Celery tasks: do a job, send due jobs, remove leftovers."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from registry import jobs
from registry.storage import cleanup
from registry.versions import builds

logger = logging.getLogger(__name__)

# More than builders can claim before the next tick, and so few that they do not pile up while builders are busy.
_SENT_PER_TICK = 20
_HINT_SECONDS = 30


@shared_task(name=jobs.TASK)
def build_job(job_id: int) -> None:  # noqa: ARG001 - which job was queued; the hint says only that there is one
    """Do the job whose turn it is: models take turns, so it may be another one than the message names."""
    # Imported here: web and beat load this module for the names of tasks, and need neither the sandbox nor signing.
    from registry.builder import pipeline  # noqa: PLC0415

    pipeline.run_next()


@shared_task(name="registry.tasks.queue_builds")
def queue_builds() -> None:
    """Send the due jobs whose turn it is: those never sent, and those of lost workers. A job that is sent twice is done once."""
    builds.settle_abandoned()
    for job_id in jobs.list_due().values_list("pk", flat=True)[:_SENT_PER_TICK]:
        try:
            build_job.apply_async(args=(job_id,), expires=_HINT_SECONDS, retry=False)
        except OperationalError:
            logger.warning("broker unreachable; job %s stays due", job_id)
            return


@shared_task(name="registry.tasks.remove_leftovers")
def remove_leftovers() -> None:
    """Remove half-written files of killed processes, and results of builds that nobody used for long."""
    from registry.builder import build_cache  # noqa: PLC0415 - as above

    cleanup.remove()
    build_cache.evict()
