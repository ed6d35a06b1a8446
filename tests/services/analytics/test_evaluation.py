from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from analytics import tasks
from analytics.alerts import evaluation
from analytics.alerts import verbs as alerts
from analytics.models import Alert
from core.actors import Actor
from core.errors import DomainError
from core.models import AuditEntry
from tests.telemetry_rows import NOON, add_baseline, add_telemetry, records

pytestmark = pytest.mark.django_db
PERSON = Actor(kind="person", name="ana")
INTERVAL = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _fixed_settings(settings):
    settings.ROLLUP_BUCKET = timedelta(hours=1)
    settings.DRIFT_WINDOW = timedelta(hours=2)
    settings.EVALUATION_INTERVAL = INTERVAL
    settings.DRIFT_OVERDISPERSION = 1.0


def evaluate(*numbers: int) -> None:
    for number in numbers:
        evaluation.evaluate(at=NOON + number * INTERVAL)


def states() -> dict[str, str]:
    return {alert.scope_value or "fleet": alert.state for alert in Alert.objects.all()}


def normal(number: int = 1000):
    return records({0: number // 2, 1: number // 2})


def drifted(number: int = 1000, *, at=NOON):
    return records({0: number * 9 // 10, 1: number // 10}, at=at)


@pytest.fixture
def osaka_drifts():
    add_baseline(normal(4000))
    add_telemetry(drifted(), device_id="edge-1", labels={"site": "osaka"})
    add_telemetry(normal(10_000), device_id="edge-2", labels={"site": "kyoto"})


def test_a_quiet_fleet_raises_nothing():
    add_baseline(normal(4000))
    add_telemetry(normal(), labels={"site": "osaka"})
    evaluate(0, 1, 2)
    assert states() == {}


def test_an_alert_fires_for_the_site_that_drifts_after_two_windows(osaka_drifts):
    evaluate(0)
    assert states() == {"site=osaka": "pending"}
    evaluate(1)
    assert states() == {"site=osaka": "firing"}
    alert = Alert.objects.get()
    assert (alert.severity, alert.fired_at) == ("high", NOON + INTERVAL)


def test_the_sentence_says_why_with_numbers(osaka_drifts):
    evaluate(0)
    assert Alert.objects.get().sentence == (
        "The classes that digits 1.0.0 predicts drift at site=osaka: adjusted PSI 0.87 (threshold 0.4), "
        "n = 1,000 in 2h, p < 1e-12; class 0 grew, class 1 shrank."
    )
    assert Alert.objects.get().evidence["samples"] == 1000


def test_running_twice_within_one_interval_counts_once(osaka_drifts):
    evaluate(0, 0)
    evaluation.evaluate(at=NOON + timedelta(seconds=40))
    assert states() == {"site=osaka": "pending"}


def test_the_fleet_and_a_label_may_both_fire():
    add_baseline(normal(4000))
    add_telemetry(drifted(), labels={"site": "osaka"})
    evaluate(0, 1)
    assert states() == {"fleet": "firing", "site=osaka": "firing"}


def test_too_few_samples_raise_nothing(settings):
    settings.DRIFT_OVERDISPERSION = 20.0
    add_baseline(normal(4000))
    add_telemetry(drifted(), labels={"site": "osaka"})
    evaluate(0, 1)
    assert states() == {}


def test_a_pending_alert_that_is_not_borne_out_is_forgotten(osaka_drifts):
    evaluate(0)
    add_telemetry(normal(10_000), device_id="edge-1", labels={"site": "osaka"})
    evaluate(1)
    assert states() == {}


def test_a_firing_alert_resolves_after_two_calm_windows(osaka_drifts):
    evaluate(0, 1)
    add_telemetry(normal(10_000), device_id="edge-1", labels={"site": "osaka"})
    evaluate(2)
    assert states() == {"site=osaka": "firing"}
    evaluate(3)
    assert states() == {"site=osaka": "resolved"}
    assert Alert.objects.get().resolved_by == "system:modelfleet"


def test_no_data_resolves_nothing(osaka_drifts):
    evaluate(0, 1)
    for hours in range(3, 9):
        evaluation.evaluate(at=NOON + timedelta(hours=hours))
    assert states() == {"site=osaka": "firing"}


def test_a_pending_alert_that_gets_no_data_for_a_window_is_forgotten(osaka_drifts):
    evaluate(0)
    evaluation.evaluate(at=NOON + timedelta(hours=9))
    assert states() == {}


def test_severity_rises_inside_an_open_alert_and_never_falls():
    add_baseline(normal(10_000))
    add_telemetry(records({0: 740, 1: 260}), labels={"site": "osaka"})
    evaluate(0, 1)
    assert set(Alert.objects.values_list("severity", flat=True)) == {"medium"}
    add_telemetry(records({0: 5000}), labels={"site": "osaka"})
    evaluate(2)
    assert set(Alert.objects.values_list("severity", flat=True)) == {"high"}
    add_telemetry(records({0: 740, 1: 3_000}), labels={"site": "osaka"})
    evaluate(3)
    assert set(Alert.objects.values_list("severity", flat=True)) == {"high"}


def test_an_alert_resolved_by_hand_comes_back_while_the_drift_goes_on(osaka_drifts):
    evaluate(0, 1)
    alerts.resolve(Alert.objects.get().pk, actor=PERSON, at=NOON)
    evaluate(2, 3)
    assert sorted(Alert.objects.values_list("state", "resolved_by")) == [("firing", ""), ("resolved", "person:ana")]
    assert AuditEntry.objects.filter(object_type="alert", action="resolve", actor="person:ana").count() == 1


def test_the_first_acknowledgement_is_kept_and_a_resolved_alert_takes_none(osaka_drifts):
    evaluate(0, 1)
    alert_id = Alert.objects.get().pk
    first = alerts.acknowledge(alert_id, actor=PERSON, at=NOON)
    again = alerts.acknowledge(alert_id, actor=Actor(kind="person", name="bob"), at=NOON)
    assert (first.acknowledged_by, again.acknowledged_by) == ("person:ana", "person:ana")
    Alert.objects.update(acknowledged_at=None)
    alerts.resolve(alert_id, actor=PERSON, at=NOON)
    with pytest.raises(alerts.AlertIsOver):
        alerts.acknowledge(alert_id, actor=PERSON, at=NOON)


def test_an_unknown_alert_is_missing():
    for verb in (alerts.acknowledge, alerts.resolve):
        with pytest.raises(DomainError, match="no alert 7"):
            verb(7, actor=PERSON, at=NOON)


def test_a_change_made_by_a_person_meanwhile_wins(osaka_drifts):
    evaluate(0, 1)
    stale = Alert.objects.get()
    alerts.resolve(stale.pk, actor=PERSON, at=NOON)
    result = alerts.EvaluationResult(alerts.Observation.ALARMING, alerts.Status.HIGH, "why", {})
    alerts.observe(alerts.AlertKey.of(stale), alert=stale, result=result, evaluated_at=NOON + 9 * INTERVAL, at=NOON)
    assert Alert.objects.get().state == "resolved"


@pytest.mark.django_db(transaction=True)
def test_while_one_evaluation_runs_another_does_nothing(osaka_drifts):
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [evaluation._LOCK])
            assert evaluation.evaluate(at=NOON) is None
            assert states() == {}
            # Closing alone would let go of the lock only once the server has noticed.
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert evaluation.evaluate(at=NOON).alarming == 1


def test_the_task_that_beat_names_evaluates(osaka_drifts):
    from config.celery import app

    add_telemetry(drifted(4000, at=timezone.now()), labels={"site": "nara"}, received_at=timezone.now())
    names = [entry["task"] for entry in app.conf.beat_schedule.values()]
    assert tasks.evaluate.name in names
    tasks.evaluate()
    assert states()["site=nara"] == "pending"
