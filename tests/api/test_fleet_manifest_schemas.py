"""A device is given the manifest of the highest schema that it reads. What it can read is no act: the counter stays."""

import pytest

from registry.models import Variant
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(api):
    rows.point("stable", rows.make_version("1.0.0"))
    return rows.DeviceClient(api(), rows.make_device("edge-1"))


def beat(device, **capabilities):
    body = {"agent_version": "0.2.0", "running": [], "capabilities": capabilities, "resources": {}, "clock": 1.0}
    answer = device.client.post("/api/devices/self/heartbeat", body, format="json", **device.headers)
    assert answer.status_code == 200


def test_an_agent_that_learns_schema_2_is_given_its_manifest_under_another_etag_and_the_same_counter(device):
    variant = Variant.objects.get()
    first = device.poll()
    assert first.json()["manifest_sha256"] == variant.manifest_id
    assert variant.signature_id in first.json()["signature_url"]
    beat(device, manifest_schemas=[1, 2], engines=["onnxruntime"])
    second = device.poll()
    assert (second.status_code, second["ETag"] == first["ETag"]) == (200, False)
    assert second.json()["manifest_sha256"] == variant.manifest_schema_2_id
    assert variant.manifest_schema_2_id in second.json()["manifest_url"]
    assert variant.signature_schema_2_id in second.json()["signature_url"]
    assignments = [answer.json()["assignment"] for answer in (first, second)]
    assert assignments[0]["release_counter"] == assignments[1]["release_counter"]
    # The same file: nothing is offered anew.
    assert assignments[0]["attempt_id"] == assignments[1]["attempt_id"]
    assert device.poll().status_code == 304


def test_a_variant_that_schema_1_cannot_express_is_no_file_for_an_older_agent(device):
    Variant.objects.update(manifest=None, signature=None)
    answer = device.poll()
    assert (answer.status_code, answer["X-Reason"]) == (
        204,
        "version 1.0.0 (channel stable) is offered to generic-cpu in no form that the device reports it can run",
    )
    beat(device, manifest_schemas=[1, 2])
    assert device.poll().status_code == 200
