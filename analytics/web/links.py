"""Addresses of the drift page. Everything that a person chose is part of them."""

from urllib.parse import urlencode

from django.urls import reverse

from analytics.api.drift_parameters import write_scope
from analytics.drift.queries import VersionName
from ingest.roll_ups.keys import Scope


def drift(version: VersionName, *, scope: Scope, window: str = "") -> str:
    """Return the address of a version's drift at a scope; an empty window means DRIFT_WINDOW."""
    chosen = {"model": version.model, "version": version.number}
    if window:
        chosen["window"] = window
    return f"{reverse('drift-page')}?{urlencode(chosen | write_scope(scope))}"
