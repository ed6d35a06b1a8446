"""The drift page. What a person chose is in its address; its figures are asked for anew every few seconds."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from analytics import baselines
from analytics.api.drift_parameters import read_scope, read_window
from analytics.drift import baselines_in_force, scope_drift, version_drift
from analytics.drift.queries import VersionName
from analytics.models import Alert
from analytics.states import OPEN_STATES
from analytics.web import charts, drift_filters, links, status_sentence
from console.pages import page, verb
from core.api.authentication import actor_of
from core.formats.durations import format_duration
from core.roles import Area
from ingest.landing import backlog
from ingest.roll_ups.keys import Scope, ScopeKind
from registry.versions.queries import get_version

_SCOPES_SHOWN = 40
_PARAMETERS: dict[str, str] = {ScopeKind.TARGET: "target", ScopeKind.DEVICE: "device_id"}


@page(Area.FLEET)
def show(request: HttpRequest) -> HttpResponse:
    """Show drift of one version at one place over one window."""
    given, at = request.GET, timezone.now()
    length = read_window(given.get("window", ""))
    version = drift_filters.choose(given.get("model", ""), given.get("version", ""), length=length, at=at)
    if version is None:
        return render(request, "analytics/no_model.html")
    if "place" in given or not (given.get("model") and given.get("version")):
        scope = _read_place(given["place"]) if given.get("place") else read_scope(given)
        return redirect(links.drift(version, scope=scope, window=given.get("window", "")))
    scope = read_scope(given)
    shown = _measure(version, scope=scope, length=length)
    shown["filters"] = drift_filters.find(version, scope=scope, length=length, at=at)
    return render(request, "analytics/drift.html", shown)


@verb(Area.MODELS, back="drift-page")
def make_baseline(request: HttpRequest) -> HttpResponse:
    """Take what the version sent over a window for what is normal."""
    given = request.POST
    version = get_version(given.get("model", ""), given.get("version", ""))
    length = read_window(given.get("window", ""))
    made = baselines.create_from_telemetry(version, length=length, actor=actor_of(request.user), at=timezone.now())
    messages.success(request, f"What is normal for {version} is now what {made.samples:,} inferences showed.")
    name = VersionName(version.model.slug, version.number)
    return redirect(links.drift(name, scope=read_scope({}), window=given.get("window", "")))


def _measure(version: VersionName, *, scope: Scope, length: timedelta) -> dict[str, Any]:
    at = timezone.now()
    found = version_drift.get(version, scope=scope, length=length, at=at)
    series = version_drift.get_series(version, scope=scope, length=length, at=at)
    baseline = baselines_in_force.find(version, has_traffic=True)
    open_alerts = Alert.objects.filter(model=version.model, version=version.number, state__in=OPEN_STATES)
    return {
        "drift": found,
        "verdict": status_sentence.write(found),
        "charts": {
            "psi": charts.describe_series(series),
            "classes": charts.describe_classes(found.bins),
            "contributions": charts.describe_contributions(found.bins),
            "confidence": charts.describe_confidence(found.confidence),
        },
        "rows": [(row.start_at, row.psi_adjusted, row.psi_raw, row.samples) for row in reversed(series.points)],
        "scope": scope,
        "place": f"{scope.kind}:{scope.value}",
        "window": format_duration(length),
        "bucket": settings.ROLLUP_BUCKET,
        "worst_scopes": [
            (row, links.drift(version, scope=row.scope, window=format_duration(length)))
            for row in scope_drift.rank(version, baseline, window=found.window)[:_SCOPES_SHOWN]
        ],
        "alerts": open_alerts,
        "alert_window": format_duration(settings.DRIFT_WINDOW),
        "backlog_seconds": backlog.age_seconds(at=at),
        "backlog_batches": backlog.count_waiting(limit=settings.INGEST_BACKLOG_LIMIT),
    }


def _read_place(text: str) -> Scope:
    """Read what the select of places sends: the scope's kind and value."""
    kind, _, value = text.partition(":")
    if kind == ScopeKind.LABEL:
        return read_scope({"label": value.replace("=", ":", 1)})
    return read_scope({_PARAMETERS[kind]: value} if kind in _PARAMETERS else {})
