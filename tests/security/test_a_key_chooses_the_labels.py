"""The labels of an enrollment key go before those that a device gives itself, so that a device does not choose its rollouts."""

import json
from typing import Any

import pytest

from fleet.devices import verbs as devices
from fleet.models import Device
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.selectors import Selector
from tests import fleet_rows as rows
from tests.security.device_operations import list_operations

pytestmark = pytest.mark.django_db

KEY = {"site": "kyoto", "ring": "late"}
CLAIMED = {"site": "osaka", "ring": "first", "line": "3"}


def enroll(api: Any, secret: str, **fields: Any) -> Any:
    return rows.ask_to_enroll(api(), secret, **fields)


def labels() -> Any:
    return Device.objects.get(device_id="edge-1").labels


def test_the_labels_of_the_key_win(api):
    _, secret = rows.make_key(labels=KEY)
    assert enroll(api, secret, labels=CLAIMED).status_code == 201
    assert labels() == {**KEY, "line": "3"}


def test_a_rollout_does_not_reach_the_device_that_claims_its_label(api):
    first, second = rows.make_version("1.0.0"), rows.make_version("2.0.0")
    rows.point("stable", first)
    _, secret = rows.make_key(labels=KEY, subscriptions=[rows.subscriptions.Follow("digits", "stable")])
    token = enroll(api, secret, labels=CLAIMED).json()["token"]
    for site, offered in (("osaka", "1.0.0"), ("kyoto", "2.0.0")):
        rollout = rows.make_rollout(second, percents=(100,), selector=Selector(labels={"site": site}))
        rollouts.start(rollout.pk, actor=rows.OPERATOR)
        device = rows.DeviceClient(api(), Device.objects.get(), token)
        assert device.poll().json()["version"] == offered
        rollouts.abort(rollout.pk, actor=rows.OPERATOR)


def test_a_repeated_enrollment_changes_no_label(api):
    _, secret = rows.make_key(labels=KEY, mode="review")
    enroll(api, secret, labels={})
    enroll(api, secret, labels=CLAIMED)
    devices.accept("edge-1", actor=rows.OPERATOR)
    enroll(api, secret, labels=CLAIMED)
    assert labels() == KEY


def test_no_operation_of_a_device_changes_its_labels(api):
    rows.point("stable", rows.make_version("1.0.0"))
    device = rows.DeviceClient(api(), rows.make_device("edge-1", labels=KEY))
    device.poll()
    body = {
        "device_id": "edge-1", "labels": CLAIMED, "records": [], "running": [], "seq": 1, "state": "downloading",
        "attempt_id": device.assignment["assignment"]["attempt_id"],
    }  # fmt: skip
    operations = list_operations()
    assert len(operations) >= 4
    for verb, path in operations:
        address = f"{path}?device_id=edge-1"
        answer = device.client.generic(verb, address, json.dumps(body), "application/json", **device.headers)
        assert answer.status_code in {200, 201, 204}, (path, answer.content)
    assert labels() == KEY
