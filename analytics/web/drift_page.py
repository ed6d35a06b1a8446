"""The drift page. What a person chose is in its address; the page renews its figures every few seconds."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from analytics import baselines
from analytics.api.drift_parameters import read_scope, read_window
from analytics.drift.queries import VersionName
from analytics.web import drift_filters, drift_view, links
from console.pages import page, verb
from core.api.authentication import actor_of
from core.roles import Area
from ingest.roll_ups.keys import FLEET
from registry.versions.queries import get_version


@page(Area.FLEET)
def show(request: HttpRequest) -> HttpResponse:
    """Show drift of one version at one place over one window."""
    given, at = request.GET, timezone.now()
    length = read_window(given.get("window", ""))
    version = drift_filters.choose(given.get("model", ""), given.get("version", ""), length=length, at=at)
    if version is None:
        return render(request, "analytics/drift/no_model.html")
    if "place" in given or not (given.get("model") and given.get("version")):
        scope = drift_filters.read_place(given["place"]) if given.get("place") else read_scope(given)
        return redirect(links.drift(version, scope=scope, window=given.get("window", "")))
    shown = drift_view.describe(version, scope=read_scope(given), length=length, at=at)
    return render(request, "analytics/drift/drift.html", shown)


@verb(Area.MODELS, back="drift-page")
def make_baseline(request: HttpRequest) -> HttpResponse:
    """Make a baseline of what the version sent over a window."""
    given = request.POST
    version = get_version(given.get("model", ""), given.get("version", ""))
    length = read_window(given.get("window", ""))
    made = baselines.create_from_telemetry(version, length=length, actor=actor_of(request.user), at=timezone.now())
    messages.success(request, f"{version} has a new baseline of {made.samples:,} inferences.")
    name = VersionName(version.model.slug, version.number)
    return redirect(links.drift(name, scope=FLEET, window=given.get("window", "")))
