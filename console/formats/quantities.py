"""Write numbers for people: sizes, shares, probabilities and latencies. Every page writes them the same way."""

from typing import Final

# Written for a value that is not known.
NOTHING: Final = "—"
_SIZE_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def size(size_bytes: float | None) -> str:
    """Write a number of bytes in decimal units, with three digits."""
    if size_bytes is None:
        return NOTHING
    value, place = float(size_bytes), 0
    # 999.5 would round to 1000 of the smaller unit.
    while abs(value) >= 999.5 and place < len(_SIZE_UNITS) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.3g} {_SIZE_UNITS[place]}" if place else f"{value:.0f} B"


def percent(part: float | None, digits: int = 1) -> str:
    """Write a share of 1 as a percentage."""
    return NOTHING if part is None else f"{100 * part:.{digits}f} %"


def points(part: float | None) -> str:
    """Write the difference of two shares of 1 in percentage points."""
    return NOTHING if part is None else f"{100 * part:.1f} percentage points"


def width(part: float | None) -> str:
    """Write a share of 1 as a length in CSS; shares outside of 0 to 1 are cut off."""
    return f"{100 * min(1.0, max(0.0, part or 0.0)):.2f}%"


def share(part: float | None, whole: float | None) -> str:
    """Write the share that a part has of a whole as a length in CSS."""
    return width(part / whole if part and whole else 0.0)


def number(value: float | str | None, digits: int = 3) -> str:
    """Write a number with a fixed number of digits. A template passes an empty text for a variable that is missing."""
    # A small negative number rounds to minus zero; adding zero makes it zero.
    return f"{round(value, digits) + 0:,.{digits}f}" if isinstance(value, int | float) else NOTHING


def tiny(value: float | str | None) -> str:
    """Write a probability; below 1e-12 only this bound is written."""
    if not isinstance(value, int | float):
        return NOTHING
    return "< 1e-12" if value < 1e-12 else f"{value:.2g}"


def milliseconds(value: float | None) -> str:
    """Write a number of milliseconds with three digits, as microseconds or seconds where these fit better."""
    if value is None:
        return NOTHING
    return f"{value * 1000:.0f} µs" if value < 1 else f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"
