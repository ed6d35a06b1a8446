"""The template tags and filters of the console: ``{% load console %}``.

The filters that write numbers, times and words are functions of ``console.formats``. Only tags and filters that need Django are
functions of this file.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import navigation, tones
from console.formats import quantities, times, words

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

register = template.Library()

for _write in (
    quantities.size, quantities.percent, quantities.points, quantities.width, quantities.number, quantities.tiny,
    quantities.milliseconds,
    times.exact, times.duration, times.rough,
    words.words, words.sentence, words.actor, words.short, words.fact, words.described,
):  # fmt: skip
    register.filter(_write.__name__, _write)

register.simple_tag(quantities.share, name="share")


@register.simple_tag
def badge(state: str, label: str = "") -> SafeString:
    """Draw a state as a badge."""
    return format_html('<span class="badge badge-{}">{}</span>', tones.tone_of(state), label or tones.words_of(state))


@register.simple_tag
def home() -> navigation.Section:
    """Return the first section of the navigation; the product's name and the error pages link to it."""
    return navigation.list_sections()[0]


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Write a time as its distance from now, with the exact time in the title."""
    if at is None:
        return "never"
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        at.isoformat(),
        times.exact(at),
        times.distance(timezone.now() - at),
    )


@register.filter
def pairs(mapping: object) -> list[tuple[object, object]]:
    """Return the keys and values of a mapping; nothing where the value is no mapping, as JSON that a device sent may be.

    A template's ``mapping.items`` would take the value of a key named ``items``, where there is one.
    """
    return list(mapping.items()) if isinstance(mapping, Mapping) else []


@register.filter
def listed(rows: object) -> list[object]:
    """Return the rows of a list; nothing where the value is no list, as JSON that a device sent may be."""
    return rows if isinstance(rows, list) else []


@register.filter
def get(mapping: Mapping[_Key, _Value], key: _Key) -> _Value | None:
    """Return the value of a key that is a variable; a template's own dot takes constant keys only."""
    return mapping.get(key)
