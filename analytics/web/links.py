"""Addresses of the drift page: everything that a person chose is in them."""

from urllib.parse import urlencode

from django.urls import reverse

from analytics.drift.queries import Subject
from analytics.drift.scopes import DEVICE, LABEL, TARGET
from ingest.roll_ups.counting import Scope

_NAMES = {TARGET: "target", LABEL: "label", DEVICE: "device_id"}


def drift(subject: Subject, *, scope: Scope, window: str = "") -> str:
    """Return the address of a version's drift at a scope; an empty window is the installation's own."""
    chosen = {"model": subject.model, "version": subject.version}
    if window:
        chosen["window"] = window
    if scope.kind in _NAMES:
        # A label is key=value in rows and key:value in addresses.
        value = scope.value.replace("=", ":", 1) if scope.kind == LABEL else scope.value
        chosen[_NAMES[scope.kind]] = value
    return f"{reverse('drift-page')}?{urlencode(chosen)}"
