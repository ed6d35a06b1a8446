"""Whoever holds a key with others cannot take the token of a device that enrolled with a nonce."""

import functools
import json

import pytest
from django.core import serializers

from fleet.devices import verbs as devices
from fleet.models import Device, DeviceToken
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

OWN, OTHER = "own-nonce-of-the-device", "another-nonce-of-a-thief"
REVIEW = "review"


@pytest.fixture
def ask(api):
    return functools.partial(rows.ask_to_enroll, api())


@pytest.fixture
def secret():
    return rows.make_key(mode=REVIEW, max_uses=10)[1]


def is_taken(answer) -> bool:
    return (answer.status_code, answer.json()["code"]) == (409, "already_enrolled")


def live_tokens() -> int:
    return DeviceToken.objects.filter(revoked_at=None).count()


@pytest.mark.parametrize("thief", [{}, {"nonce": OTHER}, {"nonce": OWN + "x"}, {"nonce": OWN[:-1]}])
def test_the_holder_of_a_review_key_does_not_get_the_token_of_an_accepted_device(ask, secret, thief):
    assert ask(secret, nonce=OWN).status_code == 202
    devices.accept("edge-1", actor=rows.OPERATOR)
    assert is_taken(ask(secret, **thief))
    assert ask(secret, nonce=OWN).status_code == 201


@pytest.mark.parametrize("thief", [{}, {"nonce": OTHER}])
def test_the_token_of_a_device_that_was_let_in_at_once_is_neither_told_nor_ended(api, ask, thief):
    _, secret = rows.make_key(max_uses=10)
    token = ask(secret, nonce=OWN).json()["token"]
    assert is_taken(ask(secret, **thief))
    answer = api().get("/api/models/latest", {"device_id": "edge-1"}, HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.status_code == 204


def test_a_lost_answer_is_given_again_to_the_device_itself(ask):
    key, secret = rows.make_key()
    first, second = (ask(secret, nonce=OWN).json()["token"] for _ in range(2))
    key.refresh_from_db()
    assert (first != second, key.uses, live_tokens()) == (True, 1, 1)


@pytest.mark.parametrize("thief", [{}, {"nonce": OTHER}])
def test_the_nonce_of_a_device_that_waits_cannot_be_replaced(ask, secret, thief):
    ask(secret, nonce=OWN)
    assert is_taken(ask(secret, **thief))
    assert ask(secret, nonce=OWN).status_code == 202
    devices.accept("edge-1", actor=rows.OPERATOR)
    assert is_taken(ask(secret, **thief))
    assert ask(secret, nonce=OWN).status_code == 201


def test_a_device_without_a_nonce_enrolls_as_before_and_none_is_bound_to_it_later(ask, secret):
    assert [ask(secret, **fields).status_code for fields in ({}, {"nonce": OTHER}, {})] == [202, 202, 202]
    devices.accept("edge-1", actor=rows.OPERATOR)
    assert [ask(secret, **fields).status_code for fields in ({}, {"nonce": OTHER}, {})] == [201, 201, 201]


def test_a_thief_does_not_learn_whether_the_device_was_revoked(ask, secret):
    ask(secret, nonce=OWN)
    devices.revoke("edge-1", actor=rows.OPERATOR)
    assert is_taken(ask(secret))
    assert ask(secret, nonce=OWN).json()["code"] == "device_revoked"


def test_a_device_that_lost_its_nonce_enrolls_after_the_operator_deleted_it(ask, secret):
    ask(secret, nonce=OWN)
    answer = ask(secret, nonce=OTHER)
    assert is_taken(answer)
    assert "delete the device" in answer.json()["detail"]
    devices.delete("edge-1", actor=rows.OPERATOR)
    assert ask(secret, nonce=OTHER).status_code == 202


@pytest.mark.parametrize(
    "nonce", ["", "short", "x" * 129, "with a space in it", "tab\tin a long nonce", "ü" * 20, "a" * 20 + "\n", 5, ["x"]]
)
def test_a_nonce_that_cannot_be_one_is_400_and_costs_no_use(ask, nonce):
    key, secret = rows.make_key()
    answer = ask(secret, nonce=nonce)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "nonce")
    key.refresh_from_db()
    assert (key.uses, Device.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "nonce", ["x" * 16, "x" * 128, "0f" * 32, "3f29a9a1-8a2e-4cf0-8a4e-9a4f5b3c2d1e", "aB+/aB+/aB-_aB==", None]
)
def test_a_nonce_may_be_written_in_hex_base64_or_as_a_uuid(ask, nonce):
    assert ask(rows.make_key()[1], nonce=nonce).status_code == 201


def test_the_database_has_only_the_digest(ask, secret):
    ask(secret, nonce=OWN)
    stored = serializers.serialize("json", Device.objects.all())
    assert OWN not in stored
    assert len(json.loads(stored)[0]["fields"]["enrollment_nonce_digest"]) == 64
