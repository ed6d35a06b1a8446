"""What the API answers is what the OpenAPI schema says, field by field."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests import fleet_rows as rows
from tests.telemetry_rows import MODEL, VERSION, add_telemetry, add_version, records

pytestmark = pytest.mark.django_db
SCHEMA = json.loads((Path(__file__).parent / "openapi.json").read_text())


def strict(schema):
    """OpenAPI 3.0 as JSON Schema, where a field that is not described is an error."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(value) for name, value in schema.items() if name != "nullable"}
    if "properties" in schema:
        found.setdefault("additionalProperties", False)
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") is True else found


def check(answer, path, *, verb="get", status=200):
    assert answer.status_code == status, answer.content
    described = SCHEMA["paths"][path][verb]["responses"][str(status)]["content"]["application/json"]["schema"]
    whole = {**strict(described), "components": strict(SCHEMA["components"])}
    jsonschema.Draft202012Validator(whole).validate(answer.json())
    return answer.json()


@pytest.fixture
def admin(api):
    return api("admin")


@pytest.fixture
def stable():
    return rows.point("stable", rows.make_version("1.0.0"))


def post(client, path, body=None):
    return client.post(path, body or {}, format="json")


def test_enrolling(api, admin, stable):
    new = {"name": "k", "subscriptions": [{"model": "digits"}], "labels": {"site": "osaka"}}
    key = check(post(admin, "/api/enrollment-keys", new), "/api/enrollment-keys", verb="post", status=201)
    check(admin.get("/api/enrollment-keys"), "/api/enrollment-keys")
    body = {"device_id": "edge-1", "enrollment_key": key["key"], "target": "generic-cpu"}
    check(post(api(), "/api/devices/enroll", body), "/api/devices/enroll", verb="post", status=201)
    review = post(admin, "/api/enrollment-keys", {**new, "mode": "review"}).json()["key"]
    body = {"device_id": "edge-2", "enrollment_key": review, "target": "generic-cpu"}
    check(post(api(), "/api/devices/enroll", body), "/api/devices/enroll", verb="post", status=202)
    check(post(admin, "/api/devices/edge-2/accept"), "/api/devices/{device_id}/accept", verb="post")
    path = "/api/devices/{device_id}/rotate-token"
    check(post(admin, "/api/devices/edge-1/rotate-token"), path, verb="post", status=201)


def test_a_device_at_work(api, admin, stable):
    device = rows.DeviceClient(api(), rows.make_device("edge-1"))
    check(device.poll(), "/api/models/latest")
    check(device.report("activated"), "/api/devices/self/reports", verb="post")
    path = "/api/devices/self/heartbeat"
    check(api().post(path, {"clock": 1.5}, format="json", **device.headers), path, verb="post")
    record = {"timestamp": 1, "latency_ms": 5, "model_version": "1.0.0", "confidence": 0.9, "class_id": 3}
    batch = {"device_id": "edge-1", "records": [record]}
    check(api().post("/api/ingest", batch, format="json", **device.headers), "/api/ingest", verb="post")
    check(admin.get("/api/devices"), "/api/devices")
    check(admin.get("/api/devices/edge-1"), "/api/devices/{device_id}")
    check(admin.get("/api/devices/edge-1/resolve"), "/api/devices/{device_id}/resolve")
    pin = {"model": "digits", "version": "1.0.0"}
    check(post(admin, "/api/devices/edge-1/pin", pin), "/api/devices/{device_id}/pin", verb="post")


def test_a_rollout(admin, stable):
    rows.make_device("edge-1")
    rows.make_version("2.0.0")
    plan = {"model": "digits", "version": "2.0.0", "stages": [{"percent": 20, "min_duration": "10m"}, {"percent": 100}]}
    check(post(admin, "/api/rollouts/preview", plan), "/api/rollouts/preview", verb="post")
    found = check(post(admin, "/api/rollouts", plan), "/api/rollouts", verb="post", status=201)
    check(post(admin, f"/api/rollouts/{found['id']}/start"), "/api/rollouts/{rollout_id}/start", verb="post")
    check(admin.get(f"/api/rollouts/{found['id']}"), "/api/rollouts/{rollout_id}")
    check(admin.get("/api/rollouts"), "/api/rollouts")


def test_the_registry(admin, stable):
    check(admin.get("/api/models"), "/api/models")
    check(admin.get("/api/models/digits"), "/api/models/{model}")
    check(admin.get("/api/models/digits/versions"), "/api/models/{model}/versions")
    check(admin.get("/api/models/digits/versions/1.0.0"), "/api/models/{model}/versions/{version}")
    written = admin.patch("/api/models/digits/versions/1.0.0", {"tags": ["a"]}, format="json", HTTP_IF_MATCH="*")
    check(written, "/api/models/{model}/versions/{version}", verb="patch")
    rows.make_version("0.1.0")
    check(admin.get("/api/models/digits/compare", {"from": "0.1.0", "to": "1.0.0"}), "/api/models/{model}/compare")
    retired = post(admin, "/api/models/digits/versions/0.1.0/retire", {"reason": "old"})
    check(retired, "/api/models/{model}/versions/{version}/retire", verb="post")
    check(admin.get("/api/models/digits/channels"), "/api/models/{model}/channels")
    check(admin.get("/api/models/digits/channels/stable"), "/api/models/{model}/channels/{channel}")
    check(admin.get("/api/targets"), "/api/targets")
    check(admin.get("/api/recipes"), "/api/recipes")
    check(admin.get("/api/signing-keys"), "/api/signing-keys")


def test_drift(admin):
    add_version()
    add_telemetry(records({1: 70}))
    asked = {"model": MODEL, "version": VERSION}
    check(admin.get("/api/drift", asked), "/api/drift")
    check(admin.get("/api/drift/series", asked), "/api/drift/series")
    check(admin.get("/api/drift/devices", asked), "/api/drift/devices")
    check(admin.get("/api/alerts"), "/api/alerts")


def test_administration(admin):
    check(post(admin, "/api/tokens", {"name": "ci", "role": "viewer"}), "/api/tokens", verb="post", status=201)
    check(admin.get("/api/tokens"), "/api/tokens")
    check(admin.get("/api/audit"), "/api/audit")
