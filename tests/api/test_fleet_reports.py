import json
import uuid

import pytest

from fleet.models import Deployment, Device
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(api):
    rows.point("stable", rows.make_version("1.0.0"))
    client = rows.DeviceClient(api(), rows.make_device("edge-1"))
    client.poll()
    return client


def state() -> str:
    return Deployment.objects.get().state


def test_reports_carry_an_attempt_to_confirmed(device):
    states = ["downloading", "verified", "self_tested", "activated", "confirmed"]
    assert [device.report(name).json() for name in states] == [{"state": name} for name in states]
    assert state() == "confirmed"


def test_a_repeated_report_changes_nothing(device):
    device.report("verified")
    device.seq = 0
    answer = device.report("verified")
    assert (answer.status_code, answer.json()) == (200, {"state": "verified"})


def test_an_older_report_that_arrives_late_changes_nothing(device):
    device.report("activated", seq=7)
    answer = device.report("downloading", seq=3)
    assert (answer.status_code, answer.json()) == (200, {"state": "activated"})


def test_a_lost_report_in_between_does_no_harm(device):
    assert device.report("confirmed").json() == {"state": "confirmed"}


def test_a_failure_keeps_its_class_and_detail(device):
    device.report("failed", detail={"class": "self_test_failed", "worst": 0.7})
    failed = Deployment.objects.get()
    assert (failed.state, failed.failure_class, failed.detail["worst"]) == ("failed", "self_test_failed", 0.7)
    assert device.report("confirmed").json() == {"state": "failed"}


def test_active_providers_are_kept(device):
    device.report("self_tested", active_providers=["CPUExecutionProvider"])
    device.report("activated")
    assert Deployment.objects.get().active_providers == ["CPUExecutionProvider"]


def test_a_report_about_a_superseded_attempt_is_taken_and_changes_nothing(device):
    first = dict(device.assignment)
    rows.point("stable", rows.make_version("2.0.0"))
    device.poll()
    device.assignment = first
    assert device.report("confirmed").json() == {"state": "superseded"}


def test_a_device_that_failed_keeps_its_attempt_while_nothing_else_is_decided(device):
    device.report("failed")
    attempt = device.poll(fresh=True).json()["assignment"]["attempt_id"]
    assert attempt == str(Deployment.objects.get().pk)


def test_what_is_written_in_details_never_breaks_the_server(device):
    nested: dict = {}
    for _ in range(60):
        nested = {"deeper": nested}
    for detail in (
        {"class": "crash\x00", "text": "a\x00b\ud800", "big": 10**30, "list": list(range(1_000))},
        {"class": "x" * 5_000, "nested": nested},
        {"class": "crash", "float": 1e400},
    ):
        body = {
            "attempt_id": device.assignment["assignment"]["attempt_id"],
            "seq": 50,
            "state": "failed",
            "detail": detail,
        }
        raw = json.dumps(body).replace("Infinity", "1e400")
        answer = device.client.post("/api/devices/self/reports", raw, content_type="application/json", **device.headers)
        assert answer.status_code == 200, answer.content


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"state": "offered"}, "state"),
        ({"state": "superseded"}, "state"),
        ({"state": "failed", "detail": {}}, "detail"),
        ({"seq": -1}, "seq"),
        ({"seq": 2**63}, "seq"),
        ({"attempt_id": "x"}, "attempt_id"),
        ({"detail": "text"}, "detail"),
    ],
)
def test_a_malformed_report_names_the_field(device, fields, field):
    answer = device.report("verified") if not fields else device.report(**{"state": "verified", **fields})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert state() == "offered"


def test_unknown_fields_are_ignored(device):
    assert device.report("verified", invented=1).status_code == 200


def test_an_attempt_of_another_device_or_of_nobody_is_404(api, device):
    other = rows.DeviceClient(api(), rows.make_device("edge-2"))
    other.assignment = device.assignment
    assert other.report("failed").json()["code"] == "unknown_attempt"
    assert device.report("failed", attempt_id=str(uuid.uuid4())).status_code == 404
    assert state() == "offered"


def test_a_report_needs_a_device_token(api, device):
    assert api().post("/api/devices/self/reports", {}, format="json").status_code == 401
    assert api("admin").post("/api/devices/self/reports", {}, format="json").status_code == 401


def test_a_heartbeat_is_kept(device):
    body = {
        "agent_version": "0.1.0",
        "running": [{"model": "digits", "version": "1.0.0", "sha256": "a" * 64}],
        "capabilities": {"providers": ["CPUExecutionProvider"]},
        "resources": {"cpu": 0.5, "bad": "a\x00"},
        "clock": 0,
        "invented": True,
    }
    answer = device.client.post("/api/devices/self/heartbeat", body, format="json", **device.headers)
    assert answer.status_code == 200
    kept = Device.objects.get()
    assert (kept.agent_version, kept.running[0]["version"], kept.resources["bad"]) == ("0.1.0", "1.0.0", "a")
    assert kept.clock_offset_seconds < -1e9
    assert kept.last_seen_at is not None


def test_an_empty_heartbeat_is_enough_and_a_malformed_one_is_400(device):
    def beat(body):
        return device.client.post("/api/devices/self/heartbeat", body, format="json", **device.headers).status_code

    assert beat({}) == 200
    assert beat({"running": [{"model": "digits"}]}) == 400
    assert beat({"clock": "noon"}) == 400
    assert beat([1]) == 400


def test_a_body_beyond_reason_is_413(device):
    body = {"resources": {"x": "y" * 300_000}}
    answer = device.client.post("/api/devices/self/heartbeat", body, format="json", **device.headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
