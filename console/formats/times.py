"""Write times and durations for people. ``console.js`` writes the distance of a time by the same rules."""

from datetime import datetime, timedelta

from console.formats.quantities import NOTHING
from core.formats.durations import format_duration


def exact(at: datetime | None) -> str:
    """Write a time in full, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else NOTHING


def duration(length: timedelta | float | None) -> str:
    """Write a duration, or a number of seconds, in its largest whole unit."""
    if length is None:
        return NOTHING
    return format_duration(length if isinstance(length, timedelta) else timedelta(seconds=length))


def rough(seconds: float) -> str:
    """Write a number of seconds in its largest unit, rounded down."""
    return _rough(seconds)


def distance(length: timedelta) -> str:
    """Write how long ago a time was, or how far ahead it is where the length is negative."""
    seconds = length.total_seconds()
    if seconds < 0:
        return f"in {_rough(-seconds, nearest=True)}"
    return "just now" if seconds < 2 else f"{_rough(seconds)} ago"


def _rough(seconds: float, *, nearest: bool = False) -> str:
    # A future time is rounded to the nearest unit: one second later, a day from now is still "in 24 h" and not "in 23 h".
    for unit, unit_seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= unit_seconds:
            return f"{round(seconds / unit_seconds) if nearest else int(seconds // unit_seconds)} {unit}"
    return f"{int(seconds)} s"
