"""The alerts: their list, why one fired, and what people do about it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypedDict

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from analytics.alerts import queries
from analytics.alerts import verbs as alerts
from analytics.drift.statistics.comparison import BinShare
from analytics.models import Alert
from analytics.states import OPEN_STATES, AlertState
from analytics.web import charts, links
from console.charts import SharePairs
from console.pages import page, verb
from core.api.authentication import actor_of
from core.roles import Area

_SHOWN = 200


class StateFilter(StrEnum):
    """The alerts that the list shows: those that are not over, those of one state, or all."""

    OPEN = "open"
    PENDING = AlertState.PENDING.value
    FIRING = AlertState.FIRING.value
    RESOLVED = AlertState.RESOLVED.value
    ALL = "all"

    @classmethod
    def read(cls, text: str) -> "StateFilter":
        """Read the parameter of an address; open alerts where there is none, or an unknown one."""
        return cls(text) if text in set(cls) else cls.OPEN

    @property
    def is_open(self) -> bool:
        """Whether this is where the list begins: an empty one is good news."""
        return self is StateFilter.OPEN

    @property
    def states(self) -> tuple[AlertState, ...]:
        """The states of the alerts that are shown."""
        match self:
            case StateFilter.OPEN:
                return OPEN_STATES
            case StateFilter.ALL:
                return tuple(AlertState)
            case _:
                return (AlertState(self.value),)


class AlertListView(TypedDict):
    """The variables of the list's template."""

    alerts: list[Alert]
    models: Iterable[str]
    state_filters: list[StateFilter]
    chosen_state: StateFilter
    chosen_model: str


class AlertView(TypedDict):
    """The variables of the template of one alert."""

    alert: Alert
    classes: SharePairs
    drift_url: str


@page(Area.FLEET)
def index(request: HttpRequest) -> HttpResponse:
    """List alerts, firing ones first."""
    model, state = request.GET.get("model", ""), StateFilter.read(request.GET.get("state", ""))
    rows = queries.list_alerts(model=model or None, states=state.states)
    shown: AlertListView = {
        "alerts": sorted(rows[:_SHOWN], key=lambda alert: not alert.is_firing),
        "models": queries.list_models(),
        "state_filters": list(StateFilter),
        "chosen_state": state,
        "chosen_model": model,
    }
    return render(request, "analytics/alerts/alerts.html", shown)


@page(Area.FLEET)
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Show why an alert fired, with the numbers."""
    found = queries.get(alert_id)
    bins = [BinShare(**row) for row in found.evidence.get("bins", [])]
    shown: AlertView = {
        "alert": found,
        "classes": charts.describe_classes(bins, when="then"),
        "drift_url": links.drift(found.version_name, scope=found.scope),
    }
    return render(request, "analytics/alerts/alert.html", shown)


@verb(Area.FLEET, back="alert-page")
def acknowledge(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Note that somebody has seen an alert."""
    alerts.acknowledge(alert_id, actor=actor_of(request.user), at=timezone.now())
    messages.success(
        request, "You have seen the alert. It stays open until the drift is over, or somebody resolves it."
    )
    return redirect("alert-page", alert_id=alert_id)


@verb(Area.FLEET, back="alert-page")
def resolve(request: HttpRequest, alert_id: int) -> HttpResponse:
    """End an alert by hand."""
    alerts.resolve(alert_id, actor=actor_of(request.user), at=timezone.now())
    messages.success(request, "The alert is resolved. Drift that goes on raises a new one.")
    return redirect("alert-page", alert_id=alert_id)
