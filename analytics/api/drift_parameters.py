"""The parameters of every request for drift: which version, at which scope, over which window."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.utils import timezone

from analytics.drift.queries import VersionName
from core.errors import Invalid
from core.formats.durations import parse_duration
from ingest.roll_ups.keys import FLEET, Scope, ScopeKind

_FILTERS = {"target": ScopeKind.TARGET, "label": ScopeKind.LABEL, "device_id": ScopeKind.DEVICE}
_KNOWN = {"model", "version", "window", *_FILTERS}


class DriftQuestion(TypedDict):
    """The parameters, as the functions of ``analytics.drift.version_drift`` take them."""

    version: VersionName
    scope: Scope
    length: timedelta
    at: datetime


def read(given: Mapping[str, str], *, ignoring: Collection[str] = ()) -> DriftQuestion:
    """Read the parameters of a request.

    Raises:
        Invalid: A parameter is missing, unknown or malformed, or there is more than one filter.
    """
    for name in given:
        if name not in _KNOWN and name not in ignoring:
            raise Invalid.field(name, "is not a parameter of this request.")
        if "\0" in given[name]:
            raise Invalid.field(name, "may not contain NUL.")
    for name in ("model", "version"):
        if not given.get(name):
            raise Invalid.field(name, "is required.")
    return DriftQuestion(
        version=VersionName(given["model"], given["version"]),
        scope=read_scope(given),
        length=read_window(given.get("window", "")),
        at=timezone.now(),
    )


def read_scope(given: Mapping[str, str]) -> Scope:
    """Read the one filter that may be given; the fleet without one.

    Raises:
        Invalid: There are several filters, or the label is not ``key:value``.
    """
    filters = [name for name in _FILTERS if given.get(name)]
    if len(filters) > 1:
        raise Invalid.field(filters[1], f"cannot be combined with {filters[0]}; give one filter at a time.")
    if not filters:
        return FLEET
    kind, value = _FILTERS[filters[0]], given[filters[0]]
    if kind is not ScopeKind.LABEL:
        return Scope(kind, value)
    key, colon, label_value = value.partition(":")
    if not (key and colon):
        raise Invalid.field("label", "must be key:value.")
    return Scope(kind, f"{key}={label_value}")


def write_scope(scope: Scope) -> dict[str, str]:
    """Return the filter that ``read_scope`` reads as this scope."""
    # A label is key=value in rows and key:value in addresses.
    value = scope.value.replace("=", ":", 1) if scope.kind == ScopeKind.LABEL else scope.value
    return {name: value for name, kind in _FILTERS.items() if kind == scope.kind}


def read_window(text: str) -> timedelta:
    """Read the length of the window; ``DRIFT_WINDOW`` where none is given.

    Raises:
        Invalid: The text is no duration, or the duration is shorter than a second.
    """
    if not text:
        return settings.DRIFT_WINDOW
    try:
        length = parse_duration(text)
    except Invalid as error:
        raise Invalid.field("window", error.detail) from error
    if length < timedelta(seconds=1):
        raise Invalid.field("window", "must be at least one second.")
    return length
