"""How the APIs write times: in UTC, with "Z" (RFC 3339, section 5.6)."""

from datetime import UTC, datetime
from typing import overload


@overload
def rfc3339(at: datetime, *, timespec: str = ...) -> str: ...
@overload
def rfc3339(at: datetime | None, *, timespec: str = ...) -> str | None: ...
def rfc3339(at: datetime | None, *, timespec: str = "auto") -> str | None:
    """Write a time in UTC, None as None. ``timespec`` is that of ``datetime.isoformat``: how many digits it gets."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z") if at else None
