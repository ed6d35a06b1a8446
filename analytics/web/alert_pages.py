"""Alerts: the list, why one fired, and what people do about it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from analytics.alerts import verbs as alerts
from analytics.alerts.verbs import AlertKey
from analytics.drift.statistics.comparison import BinShare
from analytics.models import Alert
from analytics.states import OPEN_STATES, AlertState
from analytics.web import charts, links
from console.pages import page, verb
from core.api.authentication import actor_of
from core.roles import Area

_SHOWN = 200


@page(Area.FLEET)
def index(request: HttpRequest) -> HttpResponse:
    """List alerts, what fires first."""
    model, state = request.GET.get("model", ""), request.GET.get("state", "open")
    rows = Alert.objects.order_by("-id")
    rows = rows.filter(model=model) if model else rows
    if state != "all":
        rows = rows.filter(state__in=OPEN_STATES if state == "open" else [state])
    given = {
        "alerts": sorted(rows[:_SHOWN], key=lambda alert: alert.state != AlertState.FIRING),
        "models": Alert.objects.order_by("model").values_list("model", flat=True).distinct(),
        "states": [state.value for state in AlertState],
        "chosen": {"model": model, "state": state},
    }
    return render(request, "analytics/alerts.html", given)


@page(Area.FLEET)
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Show why an alert fired, with the numbers."""
    found = alerts.get(alert_id)
    key = AlertKey.of(found)
    bins = [BinShare(**row) for row in found.evidence.get("bins", [])]
    given = {
        "alert": found,
        "is_open": found.state in OPEN_STATES,
        "classes": charts.describe_classes(bins, when="then"),
        "drift_url": links.drift(key.version, scope=key.scope),
    }
    return render(request, "analytics/alert.html", given)


@verb(Area.FLEET, back="alert-page")
def acknowledge(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Note that somebody has seen it."""
    alerts.acknowledge(alert_id, actor=actor_of(request.user), at=timezone.now())
    messages.success(
        request, "You have seen the alert. It stays open until the drift is over, or somebody resolves it."
    )
    return redirect("alert-page", alert_id=alert_id)


@verb(Area.FLEET, back="alert-page")
def resolve(request: HttpRequest, alert_id: int) -> HttpResponse:
    """End it by hand."""
    alerts.resolve(alert_id, actor=actor_of(request.user), at=timezone.now())
    messages.success(request, "The alert is resolved. Drift that goes on raises a new one.")
    return redirect("alert-page", alert_id=alert_id)
