"""The periodic tasks of ingest. Each finds its work in rows, so a run too many or too few does no harm."""

import time

from celery import shared_task
from django.utils import timezone

from ingest.landing import retention
from ingest.roll_ups import folding
from ingest.roll_ups import verbs as roll_ups

# A task works for so long at most, and the next one goes on. Otherwise a long backlog would block the queue.
_BUDGET_SECONDS = 20.0


@shared_task
def roll_up() -> None:
    """Count landed batches until none waits."""
    end = time.monotonic() + _BUDGET_SECONDS
    while roll_ups.roll_up_chunk() and time.monotonic() < end:
        pass


@shared_task
def fold() -> None:
    """Merge roll-up rows until every row is folded."""
    end = time.monotonic() + _BUDGET_SECONDS
    while folding.fold_chunk() and time.monotonic() < end:
        pass


@shared_task
def expire() -> None:
    """Delete what is past its retention."""
    now = timezone.now()
    end = time.monotonic() + _BUDGET_SECONDS
    while (retention.expire_landed(at=now) or retention.expire_receipts(at=now)) and time.monotonic() < end:
        pass
