"""Write alerts, for evaluations and for people. Every write is conditional on the row that was read."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypedDict

from django.db import transaction

from analytics import states
from analytics.alerts import queries
from analytics.alerts.reasons import Evidence
from analytics.drift.queries import VersionName
from analytics.drift.statistics.severity import Status
from analytics.models import Alert
from analytics.states import OPEN_STATES, AlertState, Observation
from core import audit
from core.actors import SYSTEM, Actor
from core.errors import Conflict
from ingest.roll_ups.keys import Scope

# The one metric that alerts are raised for: the distribution of predicted classes.
CLASSES = "classes"


class AlertIsOver(Conflict):
    """The alert was resolved; there is nothing left to acknowledge."""

    code: ClassVar[str] = "alert_is_over"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """The version, scope and metric of an alert; at most one alert is open per key."""

    version: VersionName
    scope: Scope
    metric: str = CLASSES

    @classmethod
    def of(cls, alert: Alert) -> "AlertKey":
        """Return the key of a stored alert."""
        return cls(alert.version_name, alert.scope, alert.metric)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What one evaluation says about an alert's key."""

    observation: Observation
    status: Status
    sentence: str
    evidence: Evidence


class _Changes(TypedDict, total=False):
    state: AlertState
    streak: int
    severity: Status
    sentence: str
    evidence: Evidence
    last_evaluated_at: datetime
    updated_at: datetime
    fired_at: datetime
    resolved_at: datetime
    resolved_by: str


def observe(
    key: AlertKey, *, alert: Alert | None, result: EvaluationResult, evaluated_at: datetime, at: datetime
) -> None:
    """Move the key's open alert (None where there is none) by one observation.

    An evaluation that the alert has counted already changes nothing. A row that somebody has changed since stays as it is.
    """
    if alert is None:
        _open(key, result=result, evaluated_at=evaluated_at, at=at)
    elif alert.last_evaluated_at < evaluated_at:
        _move(alert, result=result, evaluated_at=evaluated_at, at=at)


def forget_pending(*, evaluated_before: datetime) -> None:
    """Delete pending alerts that no later evaluation has counted: their two alarming windows would not be in a row."""
    Alert.objects.filter(state=AlertState.PENDING, last_evaluated_at__lt=evaluated_before).delete()


@transaction.atomic
def acknowledge(alert_id: int, *, actor: Actor, at: datetime) -> Alert:
    """Note that a person has seen an open alert; the first person is kept.

    Raises:
        UnknownAlert: No alert has that id.
        AlertIsOver: The alert was resolved before anybody acknowledged it.
    """
    rows = Alert.objects.filter(pk=alert_id, state__in=OPEN_STATES)
    if rows.filter(acknowledged_at=None).update(acknowledged_at=at, acknowledged_by=str(actor), updated_at=at):
        audit.record(actor, action="acknowledge", object_type="alert", object_id=alert_id)
    alert = queries.get(alert_id)
    if alert.acknowledged_at is None:
        raise AlertIsOver(f"Alert {alert_id} was resolved before anybody acknowledged it.")
    return alert


@transaction.atomic
def resolve(alert_id: int, *, actor: Actor, at: datetime) -> Alert:
    """End an open alert by hand; repeating changes nothing. Drift that goes on raises a new alert.

    Raises:
        UnknownAlert: No alert has that id.
    """
    rows = Alert.objects.filter(pk=alert_id, state__in=OPEN_STATES)
    if rows.update(state=AlertState.RESOLVED, resolved_at=at, resolved_by=str(actor), updated_at=at):
        audit.record(actor, action="resolve", object_type="alert", object_id=alert_id)
    return queries.get(alert_id)


def _open(key: AlertKey, *, result: EvaluationResult, evaluated_at: datetime, at: datetime) -> None:
    step = states.step(None, streak=0, observation=result.observation)
    if step.state is None:
        return
    alert = Alert(
        model=key.version.model,
        version=key.version.number,
        scope_kind=key.scope.kind,
        scope_value=key.scope.value,
        metric=key.metric,
        state=step.state,
        severity=result.status.value,
        streak=step.streak,
        last_evaluated_at=evaluated_at,
        sentence=result.sentence,
        evidence=result.evidence,
        pending_at=at,
        updated_at=at,
    )
    Alert.objects.bulk_create([alert], ignore_conflicts=True)


def _move(alert: Alert, *, result: EvaluationResult, evaluated_at: datetime, at: datetime) -> None:
    state = AlertState(alert.state)
    unchanged = Alert.objects.filter(pk=alert.pk, state=state, last_evaluated_at=alert.last_evaluated_at)
    step = states.step(state, streak=alert.streak, observation=result.observation)
    if step.state is None:
        unchanged.delete()
        return
    changes = _Changes(state=step.state, streak=step.streak, last_evaluated_at=evaluated_at, updated_at=at)
    if result.observation is Observation.ALARMING:
        changes |= {
            "sentence": result.sentence,
            "evidence": result.evidence,
            "severity": _worse(Status(alert.severity), result.status),
        }
    if step.state is not state:
        changes |= _date(step.state, at=at)
    unchanged.update(**changes)


def _worse(known: Status, now: Status) -> Status:
    """Return the severity of an open alert, which rises and never falls: a person has to look at the worst."""
    return Status.HIGH if Status.HIGH in {known, now} else now


def _date(state: AlertState, *, at: datetime) -> "_Changes":
    return {"fired_at": at} if state is AlertState.FIRING else {"resolved_at": at, "resolved_by": str(SYSTEM)}
