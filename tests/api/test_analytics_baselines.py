import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests.telemetry_rows import MODEL, VERSION, add_telemetry, add_version, records

pytestmark = pytest.mark.django_db
PATH = f"/api/models/{MODEL}/versions/{VERSION}/baseline"


def lines(number: int, **changes) -> bytes:
    record = {"timestamp": 1, "latency_ms": 5, "model_version": VERSION, "confidence": 0.9, "class_id": 3, **changes}
    return (json.dumps(record) + "\n").encode() * number


def upload(client, content: bytes):
    return client.post(PATH, {"file": SimpleUploadedFile("normal.jsonl", content)}, format="multipart")


def test_recorded_inferences_become_the_baseline_that_drift_uses(api):
    add_version()
    answer = upload(api("ml_engineer"), lines(40))
    assert answer.status_code == 201
    made = answer.json()
    assert (made["model"], made["version"], made["source"], made["samples"]) == (MODEL, VERSION, "upload", 40)
    assert made["statistics"]["classes"] == {"3": 40}
    used = api("viewer").get("/api/drift", {"model": MODEL, "version": VERSION}).json()["baseline"]
    assert used == {"id": made["id"], "samples": 40}


def test_telemetry_becomes_the_baseline_and_the_newest_is_in_force(api):
    now = timezone.now()
    add_version()
    add_telemetry(records({1: 70}, at=now), received_at=now)
    engineer = api("ml_engineer")
    upload(engineer, lines(40))
    answer = engineer.post(PATH, {"from": "telemetry", "window": "24h"}, format="json")
    assert (answer.status_code, answer.json()["source"], answer.json()["samples"]) == (201, "telemetry", 70)
    used = engineer.get("/api/drift", {"model": MODEL, "version": VERSION}).json()["baseline"]
    assert used["id"] == answer.json()["id"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid"),
        (b"\n\n", "unusable_baseline"),
        (lines(2) + b"{broken", "unreadable_records"),
        (lines(1, confidence=1.5), "unreadable_records"),
        (b"\xff\xfe", "unreadable_records"),
    ],
)
def test_a_file_without_usable_records_is_refused_by_name(api, content, code):
    add_version()
    answer = upload(api("ml_engineer"), content)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"from": "telemetry"}, 422, "no_telemetry"),
        ({"from": "elsewhere"}, 400, "invalid"),
        ({}, 400, "invalid"),
        ({"from": "telemetry", "window": "soon"}, 400, "invalid"),
        ({"from": "telemetry", "widnow": "1h"}, 400, "invalid"),
    ],
)
def test_what_cannot_be_done_from_telemetry_is_refused_by_name(api, body, status, code):
    add_version()
    answer = api("ml_engineer").post(PATH, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_file_field_is_required_and_others_are_refused(api):
    add_version()
    engineer = api("ml_engineer")
    answer = engineer.post(PATH, {"fiel": SimpleUploadedFile("x", b"x")}, format="multipart")
    assert {row["field"] for row in answer.json()["errors"]} == {"fiel"}
    answer = engineer.post(PATH, {"file": "no file"}, format="multipart")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "file")


def test_only_ml_engineers_and_admins_make_baselines_and_the_version_must_exist(api):
    assert api().post(PATH, {"from": "telemetry"}, format="json").status_code == 401
    for role in ("viewer", "operator"):
        assert api(role).post(PATH, {"from": "telemetry"}, format="json").status_code == 403
    answer = api("admin").post(PATH, {"from": "telemetry"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")
