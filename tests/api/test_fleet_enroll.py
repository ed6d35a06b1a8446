import functools
from datetime import timedelta

import pytest
from django.utils import timezone

from fleet.devices import enrollment_keys
from fleet.devices import verbs as devices
from fleet.models import Device, EnrollmentKey
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(api):
    return functools.partial(rows.ask_to_enroll, api())


def poll(api, device_id: str, token: str):
    return api().get("/api/models/latest", {"device_id": device_id}, HTTP_AUTHORIZATION=f"Bearer {token}")


def test_a_key_lets_a_device_in_with_its_defaults(api, ask):
    _, secret = rows.make_key(
        labels={"site": "osaka", "line": "1"}, subscriptions=[rows.subscriptions.Follow("digits", "beta")]
    )
    answer = ask(secret, labels={"line": "3", "room": "3"}, capabilities={"ram": 4}, something_new=True)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"device_id", "token", "poll_after_s", "signing_keys"}
    assert body["signing_keys"][0].startswith("-----BEGIN PUBLIC KEY-----")
    device = Device.objects.get(device_id="edge-1")
    assert device.labels == {"site": "osaka", "line": "1", "room": "3"}
    assert [(row.model_slug, row.channel_name) for row in device.subscriptions.all()] == [("digits", "beta")]
    assert poll(api, "edge-1", body["token"]).status_code == 204
    assert body["token"] not in str(list(device.tokens.values()))


def test_a_repeat_before_the_first_use_issues_the_token_anew_and_costs_no_use(api, ask):
    key, secret = rows.make_key()
    first, second = ask(secret).json()["token"], ask(secret).json()["token"]
    assert first != second
    key.refresh_from_db()
    assert key.uses == 1
    assert poll(api, "edge-1", first).status_code == 401
    assert poll(api, "edge-1", second).status_code == 204


def test_a_repeat_after_the_first_use_is_409(api, ask):
    _, secret = rows.make_key()
    token = ask(secret).json()["token"]
    poll(api, "edge-1", token)
    answer = ask(secret)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_enrolled")
    assert poll(api, "edge-1", token).status_code == 204


def test_a_repeat_needs_no_more_uses_and_no_more_time(ask):
    key, secret = rows.make_key()
    ask(secret)
    EnrollmentKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert ask(secret).status_code == 201


def test_another_device_cannot_take_a_taken_id(ask):
    _, first = rows.make_key()
    _, second = rows.make_key()
    ask(first)
    assert ask(second).status_code == 409


def test_a_key_under_review_makes_the_device_wait_for_a_person(ask):
    key, secret = rows.make_key(mode="review")
    assert [ask(secret).status_code for _ in range(2)] == [202, 202]
    devices.accept("edge-1", actor=rows.OPERATOR)
    answer = ask(secret)
    assert answer.status_code == 201
    assert answer.json()["token"]
    key.refresh_from_db()
    assert key.uses == 1


def test_bad_keys_are_403_with_one_sentence_and_a_code_each(ask):
    expired, expired_secret = rows.make_key()
    EnrollmentKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    _, used_secret = rows.make_key()
    ask(used_secret, device_id="other")
    revoked, revoked_secret = rows.make_key()
    enrollment_keys.revoke(revoked.pk, actor=rows.OPERATOR)
    _, pi_secret = rows.make_key(target="raspberry-pi-5")
    answers = [ask(secret) for secret in ("mfe_nothing", expired_secret, used_secret, revoked_secret, pi_secret)]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert [answer.json()["code"] for answer in answers] == [
        "enrollment_key_unknown",
        "enrollment_key_expired",
        "enrollment_key_used_up",
        "enrollment_key_unknown",
        "enrollment_key_for_another_target",
    ]
    assert not Device.objects.filter(device_id="edge-1").exists()


def test_a_revoked_device_does_not_come_back_by_its_key(ask):
    _, secret = rows.make_key()
    ask(secret)
    devices.revoke("edge-1", actor=rows.OPERATOR)
    answer = ask(secret)
    assert (answer.status_code, answer.json()["code"]) == (403, "device_revoked")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"device_id": "self"}, "device_id"),
        ({"device_id": "enroll"}, "device_id"),
        ({"device_id": "-x"}, "device_id"),
        ({"device_id": " x"}, "device_id"),
        ({"device_id": "a/b"}, "device_id"),
        ({"device_id": "x" * 129}, "device_id"),
        ({"labels": {"a b": "x"}}, "labels"),
        ({"labels": ["x"]}, "labels"),
        ({"target": ""}, "target"),
    ],
)
def test_a_malformed_request_names_the_field_and_costs_no_use(ask, fields, field):
    key, secret = rows.make_key()
    answer = ask(secret, **fields)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)
    key.refresh_from_db()
    assert key.uses == 0


def test_an_unknown_target_is_refused_with_the_names_that_exist(ask):
    _, secret = rows.make_key()
    answer = ask(secret, target="toaster")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_target")
    assert "raspberry-pi-5" in answer.json()["targets"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"{" * 5, b'{"a":' * 100_000, b"[" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_400(api, body):
    answer = api().post("/api/devices/enroll", body, content_type="application/json")
    assert answer.status_code in {400, 413}
    assert answer["Content-Type"] == "application/problem+json"
