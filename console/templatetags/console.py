"""How the console writes times, sizes, shares and states. One place, so that every page says them alike."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import navigation, tones
from core.formats.durations import format_duration

register = template.Library()

NOTHING: Final = "—"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


@register.simple_tag
def badge(state: str, label: str = "") -> SafeString:
    """Draw a state as a badge."""
    return format_html('<span class="badge badge-{}">{}</span>', tones.tone_of(state), label or tones.words_of(state))


@register.simple_tag
def home() -> navigation.Section:
    """Return the first section, where people go who have lost their way."""
    return navigation.list_sections()[0]


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Write a time as its distance from now, with the exact one in the title."""
    if at is None:
        return "never"
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        at.isoformat(),
        exact(at),
        distance(timezone.now() - at),
    )


@register.filter
def exact(at: datetime | None) -> str:
    """Write a time in full, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else NOTHING


@register.filter
def duration(length: timedelta | float | None) -> str:
    """Write a duration, or a number of seconds, in its largest whole unit."""
    if length is None:
        return NOTHING
    return format_duration(length if isinstance(length, timedelta) else timedelta(seconds=length))


@register.filter
def rough(seconds: float) -> str:
    """Write a number of seconds in its largest unit, rounded down."""
    return _rough(seconds)


@register.filter
def size(size_bytes: float | None) -> str:
    """Write a number of bytes in decimal units, with three digits."""
    if size_bytes is None:
        return NOTHING
    value, place = float(size_bytes), 0
    while abs(value) >= 999.5 and place < len(_UNITS) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.3g} {_UNITS[place]}" if place else f"{value:.0f} B"


@register.filter
def percent(part: float | None, digits: int = 1) -> str:
    """Write a share of 1 as a percentage."""
    return NOTHING if part is None else f"{100 * part:.{digits}f} %"


@register.filter
def points(part: float | None) -> str:
    """Write a difference of two shares of 1, which is no share of either."""
    return NOTHING if part is None else f"{100 * part:.1f} percentage points"


@register.filter
def width(part: float | None) -> str:
    """Write a share of 1 as a length for a style."""
    return f"{100 * min(1.0, max(0.0, part or 0.0)):.2f}%"


@register.simple_tag
def share(part: float | None, whole: float | None) -> str:
    """Write a part of a whole as a length for a style."""
    return width(part / whole if part and whole else 0.0)


@register.filter
def number(value: float | str | None, digits: int = 3) -> str:
    """Write a number with fixed digits; what a template does not find is an empty text, and is written as nothing."""
    # Adding zero makes a zero of what rounds to minus zero.
    return f"{round(value, digits) + 0:,.{digits}f}" if isinstance(value, int | float) else NOTHING


@register.filter
def tiny(value: float | str | None) -> str:
    """Write a probability; what is nearly nothing is said to be below a bound."""
    if not isinstance(value, int | float):
        return NOTHING
    return "< 1e-12" if value < 1e-12 else f"{value:.2g}"


@register.filter
def milliseconds(value: float | None) -> str:
    """Write milliseconds with three significant digits, below one of them in microseconds."""
    if value is None:
        return NOTHING
    return f"{value * 1000:.0f} µs" if value < 1 else f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"


@register.filter
def short(digest: str | None) -> str:
    """Write the first twelve digits of a digest."""
    return digest[:12] if digest else NOTHING


@register.filter
def words(name: str) -> str:
    """Write a code word as words."""
    return str(name).replace("_", " ")


@register.filter
def sentence(text: str) -> str:
    """End what a person wrote as a sentence, so that another one may follow."""
    text = str(text).rstrip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


@register.filter
def actor(name: str) -> str:
    """Write whom the audit trail names as people say it: ``person:ann`` is ann."""
    kind, separator, rest = str(name).partition(":")
    return (
        {"person": rest, "token": f"{rest} (API token)", "system": "Modelfleet"}.get(kind, name) if separator else name
    )


@register.filter
def fact(name: str) -> str:
    """Write the name of such a fact, without its unit where the value says it."""
    written = words(str(name).removesuffix("_bytes").removesuffix("_ratio"))
    return " ".join(word.upper() if word in {"cpu", "gpu", "ram"} else word for word in written.split())


@register.filter
def described(value: Any, name: str) -> str:
    """Write a fact that a device tells of itself; names in ``_bytes`` are sizes, in ``_ratio`` shares of 1."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items()) or NOTHING
    if isinstance(value, int | float) and str(name).endswith("_bytes"):
        return size(value)
    if isinstance(value, int | float) and str(name).endswith("_ratio"):
        return percent(value)
    return NOTHING if value is None else str(value)


@register.filter
def place(scope: Any) -> str:
    """Write a scope of roll-ups as a place."""
    return "Whole fleet" if scope.kind == "fleet" else f"{scope.kind} {scope.value}"


@register.filter
def get(mapping: Mapping[Any, Any], key: object) -> Any:
    """Look a key up that is a variable."""
    return mapping.get(key)


def distance(length: timedelta) -> str:
    """Write how long ago something was, or how far ahead it is."""
    seconds = length.total_seconds()
    if seconds < 0:
        return f"in {_rough(-seconds, nearest=True)}"
    return "just now" if seconds < 2 else f"{_rough(seconds)} ago"


def _rough(seconds: float, *, nearest: bool = False) -> str:
    # What is ahead is rounded to the nearest: a day from now is still "in 24 h" a second later, never "in 23 h".
    for unit, unit_seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= unit_seconds:
            return f"{round(seconds / unit_seconds) if nearest else int(seconds // unit_seconds)} {unit}"
    return f"{int(seconds)} s"
