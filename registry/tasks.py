"""What Celery is asked for: do a job, and find jobs that nobody was asked to do."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from registry import jobs
from registry.storage import cleanup

logger = logging.getLogger(__name__)

# More than builders can claim before the next tick, and few enough not to pile up while they are busy.
_SENT_PER_TICK = 20
_HINT_SECONDS = 30


@shared_task(name=jobs.TASK)
def build_job(job_id: int) -> None:
    """Do one job, if it is still to be had."""
    # Imported here: web and beat load this module for its names, and need neither the sandbox nor signing.
    from registry.builder import pipeline  # noqa: PLC0415

    pipeline.run(job_id)


@shared_task(name="registry.tasks.queue_builds")
def queue_builds() -> None:
    """Send the oldest jobs that are due, were never sent, or whose worker was lost. A hint too many does nothing."""
    for job_id in jobs.list_due().values_list("pk", flat=True)[:_SENT_PER_TICK]:
        try:
            build_job.apply_async(args=(job_id,), expires=_HINT_SECONDS, retry=False)
        except OperationalError:
            logger.warning("broker unreachable; job %s stays due", job_id)
            return


@shared_task(name="registry.tasks.remove_leftovers")
def remove_leftovers() -> None:
    """Remove what killed processes left half written."""
    cleanup.remove()
