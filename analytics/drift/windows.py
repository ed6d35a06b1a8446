"""Time windows: every bucket that overlaps [at − length, at], the open one included."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self


@dataclass(frozen=True, slots=True)
class Window:
    """The buckets that start in [start_at, end_at)."""

    start_at: datetime
    end_at: datetime

    @classmethod
    def ending(cls, at: datetime, *, length: timedelta, bucket: timedelta) -> Self:
        """Return the window of a length that ends at a time. Buckets are half-open and aligned to the epoch, as in ingest."""
        return cls(start_at=floor(at - length, step=bucket), end_at=floor(at, step=bucket) + bucket)


def floor(at: datetime, *, step: timedelta) -> datetime:
    """Return the last multiple of ``step`` since the epoch that is not after ``at``; whole seconds."""
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp() // seconds) * seconds, tz=UTC)
