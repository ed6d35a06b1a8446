"""Write times as all APIs do: in UTC, with "Z" at the end (RFC 3339, section 5.6)."""

from datetime import UTC, datetime
from typing import overload


@overload
def rfc3339(at: datetime, *, timespec: str = ...) -> str: ...
@overload
def rfc3339(at: datetime | None, *, timespec: str = ...) -> str | None: ...
def rfc3339(at: datetime | None, *, timespec: str = "auto") -> str | None:
    """Write a time in UTC; None stays None. ``timespec`` sets the number of digits, as in ``datetime.isoformat``."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z") if at else None
