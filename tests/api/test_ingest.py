import base64
import gzip
import json
import time

import pytest
import zstandard

from fleet.devices.tokens import issue_token
from fleet.models import Device, Subscription
from ingest.landing import backlog
from ingest.models import BatchReceipt, LandedBatch

pytestmark = pytest.mark.django_db

RECORD = {"latency_ms": 2.5, "model_version": "1.0.0", "confidence": 0.9, "class_id": 3, "request_hash": "h"}


@pytest.fixture
def device(db):
    found = Device.objects.create(device_id="edge-1", target="rk3588", labels={"site": "osaka"})
    Subscription.objects.create(device=found, model_slug="digits")
    return found


@pytest.fixture
def token(device):
    return issue_token(device)


def body(count=3, device_id="edge-1", **change):
    records = [{"timestamp": time.time()} | RECORD | change for _ in range(count)]
    return json.dumps({"device_id": device_id, "records": records}).encode()


@pytest.fixture
def send(client, token):
    def post(data, *, credentials=f"Bearer {token}", **headers):
        found = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        return client.post(
            "/api/ingest", data, content_type="application/json", HTTP_AUTHORIZATION=credentials, **found
        )

    return post


def test_a_batch_is_answered_once_it_is_durable_and_its_repeat_is_recognized(send):
    text = body()
    assert (send(text).status_code, send(text).json()) == (200, {"accepted": 0, "duplicates": 3})
    landed = LandedBatch.objects.get()
    assert (bytes(landed.body), landed.target, landed.labels, landed.default_model) == (
        text,
        "rk3588",
        {"site": "osaka"},
        "digits",
    )


def test_basic_credentials_of_a_plain_client_do(send, token):
    basic = base64.b64encode(f"edge-1:{token}".encode()).decode()
    assert send(body(), credentials=f"Basic {basic}").json() == {"accepted": 3, "duplicates": 0}


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_compressed_bodies_are_the_same_batch(send, encoding, pack):
    text = body()
    assert send(pack(text), content_encoding=encoding).json()["accepted"] == 3
    assert send(text).json() == {"accepted": 0, "duplicates": 3}


@pytest.mark.parametrize("credentials", ["", "Bearer mfd_wrong", "Basic !!!", "Basic ZWRnZS0xOndyb25n"])
def test_wrong_credentials_are_401_and_keep_nothing(send, credentials):
    answer = send(body(), credentials=credentials)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert not BatchReceipt.objects.exists()


def test_another_devices_envelope_is_403(send):
    answer = send(body(device_id="edge-2"))
    assert (answer.status_code, answer.json()["code"]) == (403, "other_device")


def test_bad_records_are_422_by_index_and_field_and_the_good_ones_durable(send):
    text = json.loads(body())
    text["records"][1]["confidence"] = 7
    for accepted, duplicates in [(2, 0), (0, 2)]:
        answer = send(json.dumps(text))
        assert answer.status_code == 422
        found = answer.json()
        assert (found["accepted"], found["duplicates"]) == (accepted, duplicates)
        assert [(row["index"], row["field"]) for row in found["rejected"]] == [(1, "confidence")]
    assert LandedBatch.objects.count() == 1


def test_the_same_number_with_other_content_is_409(send):
    numbered = json.loads(body()) | {"stream": "9f1c3c6e-0b53-4c43-9d0f-0d8a2f1f6d11", "batch": 1}
    assert send(json.dumps(numbered)).status_code == 200
    answer = send(json.dumps(numbered | {"records": numbered["records"][:1]}))
    assert (answer.status_code, answer.json()["code"]) == (409, "batch_content_differs")


def test_too_large_packed_or_not_is_413(send, settings):
    settings.MAX_INGEST_BYTES = 10_000
    assert send(gzip.compress(body(1000)), content_encoding="gzip").status_code == 413
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    assert send(body(1000)).status_code == 413
    assert not BatchReceipt.objects.exists()


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (b"{", "", "malformed_batch"),
        (b"[]", "", "malformed_batch"),
        (b"no gzip at all", "gzip", "malformed_encoding"),
        (gzip.compress(b"{}" * 100, mtime=0)[:20], "gzip", "body_truncated"),
        (b"{}", "br", "unknown_content_encoding"),
    ],
)
def test_what_cannot_be_read_is_400_with_its_own_code(send, data, encoding, code):
    answer = send(data, content_encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_backlog_over_its_limit_is_429_with_retry_after(send, settings, monkeypatch):
    settings.INGEST_BACKLOG_LIMIT = 1
    monkeypatch.setitem(backlog._last, "at", float("-inf"))
    assert send(body()).status_code == 200
    monkeypatch.setitem(backlog._last, "at", float("-inf"))
    answer = send(body(4))
    assert (answer.status_code, answer.json()["code"]) == (429, "backlogged")
    assert int(answer["Retry-After"]) > 0
    assert BatchReceipt.objects.count() == 1
