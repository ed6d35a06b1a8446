"""Addresses of the drift page: everything that a person chose is in them."""

from urllib.parse import urlencode

from django.urls import reverse

from analytics.drift.queries import VersionName
from ingest.roll_ups.keys import Scope, ScopeKind

_NAMES = {ScopeKind.TARGET: "target", ScopeKind.LABEL: "label", ScopeKind.DEVICE: "device_id"}


def drift(version: VersionName, *, scope: Scope, window: str = "") -> str:
    """Return the address of a version's drift at a scope; an empty window is the installation's own."""
    chosen = {"model": version.model, "version": version.number}
    if window:
        chosen["window"] = window
    if scope.kind in _NAMES:
        # A label is key=value in rows and key:value in addresses.
        value = scope.value.replace("=", ":", 1) if scope.kind == ScopeKind.LABEL else scope.value
        chosen[_NAMES[scope.kind]] = value
    return f"{reverse('drift-page')}?{urlencode(chosen)}"
