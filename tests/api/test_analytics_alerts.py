import pytest

from analytics.models import Alert
from tests.telemetry_rows import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert():
    return add_alert()


def add_alert(**values):
    given = {
        "model": "digits",
        "version": "1.0.0",
        "scope_kind": "label",
        "scope_value": "site=osaka",
        "metric": "classes",
        "state": "firing",
        "severity": "high",
        "last_evaluated_at": NOON,
        "sentence": "Why.",
    }
    return Alert.objects.create(**{**given, **values})


def test_alerts_are_listed_newest_first_and_filtered(api, alert):
    add_alert(model="faces", state="resolved")
    viewer = api("viewer")
    assert [row["model"] for row in viewer.get("/api/alerts").json()["results"]] == ["faces", "digits"]
    assert [row["model"] for row in viewer.get("/api/alerts", {"state": "firing"}).json()["results"]] == ["digits"]
    assert [row["state"] for row in viewer.get("/api/alerts", {"model": "faces"}).json()["results"]] == ["resolved"]
    first = viewer.get("/api/alerts", {"limit": 1}).json()
    assert viewer.get("/api/alerts", {"limit": 1, "cursor": first["next"]}).json()["results"][0]["model"] == "digits"


def test_an_alert_says_where_and_why(api, alert):
    row = api("viewer").get("/api/alerts").json()["results"][0]
    assert row["scope"] == {"kind": "label", "value": "site=osaka"}
    assert (row["sentence"], row["severity"], row["metric"]) == ("Why.", "high", "classes")


def test_a_state_that_does_not_exist_is_refused(api):
    answer = api("viewer").get("/api/alerts", {"state": "open"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "state")


def test_an_operator_acknowledges_and_resolves(api, alert):
    operator = api("operator")
    answer = operator.post(f"/api/alerts/{alert.pk}/acknowledge", {}, format="json")
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, "token:operator")
    answer = operator.post(f"/api/alerts/{alert.pk}/resolve")
    assert (answer.json()["state"], answer.json()["resolved_by"]) == ("resolved", "token:operator")
    assert operator.post(f"/api/alerts/{alert.pk}/resolve").json()["state"] == "resolved"


@pytest.mark.parametrize("verb", ["acknowledge", "resolve"])
def test_only_operators_and_admins_answer_alerts(api, alert, verb):
    path = f"/api/alerts/{alert.pk}/{verb}"
    assert api().post(path).status_code == 401
    assert api("viewer").post(path).status_code == 403
    assert api("ml_engineer").post(path).json()["required_roles"] == ["admin", "operator"]
    assert api("admin").post(path).status_code == 200


@pytest.mark.parametrize("verb", ["acknowledge", "resolve"])
def test_an_unknown_alert_and_an_unknown_field_are_refused(api, alert, verb):
    operator = api("operator")
    assert operator.post(f"/api/alerts/{alert.pk + 1}/{verb}").json()["code"] == "unknown_alert"
    answer = operator.post(f"/api/alerts/{alert.pk}/{verb}", {"note": "x"}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "note")


def test_a_resolved_alert_cannot_be_acknowledged(api):
    alert = add_alert(state="resolved")
    answer = api("operator").post(f"/api/alerts/{alert.pk}/acknowledge")
    assert (answer.status_code, answer.json()["code"]) == (409, "alert_is_over")
