"""Durations as people write them: ``90``, ``90s``, ``10m``, ``1h``, ``24h``, ``7d``."""

import re
from datetime import timedelta

from core.errors import Invalid

_PATTERN = re.compile(r"(\d{1,9})\s*([smhd]?)")
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST = timedelta(days=366)


class InvalidDuration(Invalid):
    """The text is not a duration, or the duration is too long."""

    code = "invalid_duration"


def parse_duration(text: str) -> timedelta:
    """Read a duration; a bare number is seconds.

    Raises:
        InvalidDuration: The text has another form, or is longer than 366 days.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise InvalidDuration(f"{text[:40]!r} is not a duration; write for example 90s, 10m, 24h or 7d.")
    duration = timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2]])
    if duration > _LONGEST:
        raise InvalidDuration(f"{text!r} is longer than 366 days.")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration in its largest whole unit: ``10m``, ``24h``, ``90s``."""
    seconds = int(duration.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNIT_SECONDS[unit] == 0 and (unit != "d" or seconds > _UNIT_SECONDS["d"]):
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"
