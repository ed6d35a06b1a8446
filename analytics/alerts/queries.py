"""Read alerts. The rows are newest first."""

from collections.abc import Iterable
from typing import ClassVar

from django.db.models import QuerySet

from analytics.drift.queries import VersionName
from analytics.models import Alert
from analytics.states import OPEN_STATES, AlertState
from core.errors import Missing


class UnknownAlert(Missing):
    """No alert has that id."""

    code: ClassVar[str] = "unknown_alert"


def get(alert_id: int) -> Alert:
    """Return one alert.

    Raises:
        UnknownAlert: No alert has that id.
    """
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise UnknownAlert(f"There is no alert {alert_id}.")
    return alert


def list_alerts(*, model: str | None = None, states: Iterable[AlertState] | None = None) -> QuerySet[Alert]:
    """Return alerts, of one model and in some states where they are given."""
    rows = Alert.objects.order_by("-id")
    rows = rows if model is None else rows.filter(model=model)
    return rows if states is None else rows.filter(state__in=list(states))


def list_open(version: VersionName | None = None) -> QuerySet[Alert]:
    """Return the open alerts, of one version where it is given."""
    rows = list_alerts(states=OPEN_STATES)
    return rows if version is None else rows.filter(model=version.model, version=version.number)


def list_models() -> QuerySet[Alert, str]:
    """Return the name of every model that has or had an alert."""
    return Alert.objects.order_by("model").values_list("model", flat=True).distinct()


def count_firing() -> int:
    """Count the alerts that fire now."""
    return Alert.objects.filter(state=AlertState.FIRING).count()
