"""Agents of version 0.1 are on devices for years: what they send is taken, and what they are given is what they can read.

``vectors/agent_0_1.json`` has their requests, the fields of answers that they insist on, and the form of their manifests, which
``tests/services/registry/test_main_path.py`` compares with a published one.
"""

import json
from pathlib import Path

import pytest

from fleet.devices.subscriptions import Follow
from registry.models import Variant
from registry.offers import verbs as offers
from tests import fleet_rows as rows

VECTORS = json.loads((Path(__file__).parent / "vectors" / "agent_0_1.json").read_text())
TYPES = {"str": str, "int": int}


def check_fields(body, wanted) -> None:
    for name, kind in wanted.items():
        if isinstance(kind, dict):
            check_fields(body[name], kind)
        else:
            assert type(body[name]) is TYPES[kind], name


@pytest.mark.django_db
def test_a_device_of_the_last_release_enrolls_follows_its_channel_and_reports(api):
    version = rows.make_version("1.0.0", targets=("generic-cpu",))
    rows.point("stable", version)
    _, secret = rows.make_key(subscriptions=[Follow("digits")])
    client = api()
    enrolled = client.post("/api/devices/enroll", VECTORS["enroll"] | {"enrollment_key": secret}, format="json")
    assert enrolled.status_code == 201
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {enrolled.json()['token']}")
    assert client.post("/api/devices/self/heartbeat", VECTORS["heartbeat"], format="json").status_code == 200
    answer = client.get("/api/models/latest", {"device_id": "edge-old"})
    assert answer.status_code == 200
    check_fields(answer.json(), VECTORS["fields_of_an_assignment"])
    variant = Variant.objects.get()
    # It says nothing of schemas and engines, so it is given schema 1 and files for ONNX Runtime.
    assert answer.json()["manifest_sha256"] == variant.manifest_id
    assert variant.signature_id in answer.json()["signature_url"]
    report = VECTORS["report"] | {"attempt_id": answer.json()["assignment"]["attempt_id"], "sha256": variant.file_id}
    assert client.post("/api/devices/self/reports", report, format="json").json() == {"state": "downloading"}


@pytest.mark.django_db
def test_a_device_of_the_last_release_is_never_given_what_it_cannot_run(api):
    version = rows.make_version("1.0.0", targets=("rk3588",))
    rows.point("stable", version)
    newer = rows.make_variant(version, "rk3588", recipe="rknn-int8")
    Variant.objects.filter(pk=newer.pk).update(format="rknn", manifest=None, signature=None)
    offers.put(version, "rk3588", variant_id=newer.pk, if_match="*", actor=rows.OPERATOR)
    device = rows.make_device("edge-old", target="rk3588", capabilities=VECTORS["heartbeat"]["capabilities"])
    assert rows.DeviceClient(api(), device).poll().json()["recipe"] == "fp32-optimized"
