"""How many batches wait to be counted, and the limit above which no more are taken."""

import time
from datetime import datetime

from django.conf import settings
from django.db.models import Min

from ingest.landing.batches import Backlogged
from ingest.models import LandedBatch, LandingState

_FRESH_SECONDS = 1.0
_last: dict[str, float] = {"at": -_FRESH_SECONDS, "count": 0}


def check() -> None:
    """Refuse a batch while too many wait. Each process counts them at most once a second.

    Raises:
        Backlogged: INGEST_BACKLOG_LIMIT batches or more wait.
    """
    now = time.monotonic()
    if now - _last["at"] >= _FRESH_SECONDS:
        _last.update(at=now, count=count_waiting(limit=settings.INGEST_BACKLOG_LIMIT))
    if _last["count"] >= settings.INGEST_BACKLOG_LIMIT:
        raise Backlogged("Too many batches wait to be counted; keep yours and try again.", retry_after_seconds=10)


def count_waiting(*, limit: int) -> int:
    """Count waiting batches, up to ``limit``."""
    waiting = LandedBatch.objects.filter(state=LandingState.WAITING)
    return waiting.values("pk")[:limit].count()


def age_seconds(*, at: datetime) -> float:
    """Return how long the oldest waiting batch has waited; 0 where none waits."""
    oldest = LandedBatch.objects.filter(state=LandingState.WAITING).aggregate(oldest=Min("received_at"))["oldest"]
    return max(0.0, (at - oldest).total_seconds()) if oldest else 0.0
