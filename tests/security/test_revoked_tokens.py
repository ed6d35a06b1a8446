"""A token that another process has ended is refused by every operation of a device; ingest alone may know it for two seconds more.

The rows are changed by SQL, as another process does: this one is not told.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from fleet.devices import tokens
from fleet.models import Device
from tests import fleet_rows as rows
from tests.security.device_operations import CHECK_THEMSELVES, INGEST, list_operations

pytestmark = pytest.mark.django_db

OPERATIONS = list_operations()
ENDINGS: dict[str, Callable[[Device], object]] = {
    "the token was revoked": lambda device: device.tokens.update(revoked_at=timezone.now()),
    "the device was revoked": lambda device: Device.objects.filter(pk=device.pk).update(state="revoked"),
    "the device was deleted": lambda device: Device.objects.filter(pk=device.pk).delete(),
    "the token became another one": lambda device: device.tokens.filter(revoked_at=None).update(digest="0" * 64),
}


@pytest.fixture
def device(api: Any) -> rows.DeviceClient:
    rows.point("stable", rows.make_version("1.0.0"))
    found = rows.DeviceClient(api(), rows.make_device("edge-1"))
    found.poll()
    return found


def ask(device: rows.DeviceClient, operation: tuple[str, str]) -> Any:
    verb, path = operation
    body = {
        "device_id": "edge-1", "records": [rows.RECORD], "running": [], "seq": 1, "state": "downloading",
        "attempt_id": device.assignment["assignment"]["attempt_id"],
    }  # fmt: skip
    return device.client.generic(
        verb, f"{path}?device_id=edge-1", json.dumps(body), "application/json", **device.headers
    )


def test_the_operations_of_devices_are_all_here():
    assert {path for _, path in OPERATIONS} >= {
        *CHECK_THEMSELVES,
        "/api/devices/self/heartbeat",
        "/api/devices/self/reports",
    }


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("operation", [row for row in OPERATIONS if row[1] != INGEST], ids=lambda row: row[1])
def test_every_operation_but_ingest_refuses_the_token_at_once(device, operation, ending):
    for known in OPERATIONS:
        assert ask(device, known).status_code == 200
    ENDINGS[ending](device.device)

    answer = ask(device, operation)

    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_device_token")


@pytest.mark.parametrize("ending", ENDINGS)
def test_ingest_refuses_the_token_after_two_seconds(device, ending):
    operation = ("POST", INGEST)
    assert ask(device, operation).status_code == 200
    ENDINGS[ending](device.device)
    time.sleep(tokens.CACHE_SECONDS + 0.1)
    assert ask(device, operation).status_code == 401


@pytest.mark.parametrize(
    "operation", [row for row in OPERATIONS if row[1] not in CHECK_THEMSELVES], ids=lambda row: row[1]
)
def test_ingest_refuses_the_token_as_soon_as_another_operation_met_the_refusal(device, operation):
    assert ask(device, ("POST", INGEST)).status_code == 200
    ENDINGS["the token was revoked"](device.device)
    ask(device, operation)
    assert ask(device, ("POST", INGEST)).status_code == 401


def test_a_known_token_costs_a_heartbeat_one_query_more(device, django_assert_num_queries):
    ask(device, ("POST", "/api/devices/self/heartbeat"))
    with django_assert_num_queries(2):
        ask(device, ("POST", "/api/devices/self/heartbeat"))
