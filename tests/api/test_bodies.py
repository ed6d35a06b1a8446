"""Bodies that end early, stall or come in chunks. Nothing of a body that is not whole is kept."""

import json
import time

import pytest
from django.conf import settings

from config.http import application, bodies
from fleet.devices.tokens import issue_token
from fleet.models import Device, Subscription
from ingest.models import BatchReceipt
from registry.models import Blob, RegisteredModel
from tests.rsgi_requests import PAUSE, SILENCE, post

pytestmark = pytest.mark.django_db(transaction=True)

RECORD = {"latency_ms": 2.5, "model_version": "1.0.0", "confidence": 0.9, "class_id": 3, "request_hash": "h"}
VERSIONS = "/api/models/digits/versions"
BOUNDARY = "border"


@pytest.fixture
def device():
    found = Device.objects.create(device_id="edge-1", target="rk3588", labels={"site": "osaka"})
    Subscription.objects.create(device=found, model_slug="digits")
    return {"Authorization": f"Bearer {issue_token(found)}", "Content-Type": "application/json"}


@pytest.fixture
def engineer(api):
    token = api("ml_engineer")._credentials["HTTP_AUTHORIZATION"]
    return {"Authorization": token, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def batch(count=3):
    records = [{"timestamp": time.time()} | RECORD for _ in range(count)]
    return json.dumps({"device_id": "edge-1", "records": records}).encode()


def form(size):
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="version"\r\n\r\n1.0.0\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="m.onnx"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + b"x" * size + f"\r\n--{BOUNDARY}--\r\n".encode()


def in_pieces(text, size=10_000):
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("count", [3, 1000])
def test_a_body_cut_half_way_is_400_and_keeps_nothing(device, count):
    text = batch(count)
    answer = post("/api/ingest", in_pieces(text[:-20]), announced=len(text), headers=device)
    assert (answer.status, json.loads(answer.content)["code"]) == (400, "body_truncated")
    assert not BatchReceipt.objects.exists()


@pytest.mark.parametrize("count", [3, 1000])
def test_a_chunked_body_is_read_to_its_end(device, count):
    answer = post("/api/ingest", in_pieces(batch(count)), announced=None, headers=device)
    assert json.loads(answer.content) == {"accepted": count, "duplicates": 0}
    assert "connection" not in answer.headers


@pytest.mark.parametrize("size", [20_000, 300_000])
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("share", [0, 0.0003, 0.5, 0.999])
def test_an_upload_cut_half_way_is_refused_and_leaves_nothing(engineer, size, is_chunked, share):
    text = form(size)
    answer = post(
        VERSIONS,
        in_pieces(text[: int(len(text) * share)]),
        announced=None if is_chunked else len(text),
        headers=engineer,
    )
    assert (answer.status, json.loads(answer.content)["code"]) == (400, "body_truncated")
    assert not RegisteredModel.objects.exists()
    assert not Blob.objects.exists()
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.glob("*.upload*"))


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_whole_upload_is_taken(engineer, is_chunked):
    text = form(300_000)
    answer = post(VERSIONS, in_pieces(text), announced=None if is_chunked else len(text), headers=engineer)
    assert (answer.status, json.loads(answer.content)["status"]) == (201, "verifying")
    assert Blob.objects.get().size == 300_000


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_above_the_limit_is_413(engineer, settings, is_chunked):
    settings.MAX_UPLOAD_BYTES = 100_000
    text = form(300_000)
    answer = post(VERSIONS, in_pieces(text), announced=None if is_chunked else len(text), headers=engineer)
    assert (answer.status, json.loads(answer.content)["code"]) == (413, "upload_too_large")
    assert answer.headers["connection"] == "close"
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.glob("*.upload*"))


def test_a_body_that_stalls_is_408_and_keeps_nothing(device, monkeypatch):
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.1)
    text = batch()
    answer = post("/api/ingest", [text[:-20], SILENCE], announced=len(text), headers=device)
    assert (answer.status, json.loads(answer.content)["code"]) == (408, "body_too_slow")
    assert (answer.headers["connection"], answer.headers["cache-control"]) == ("close", "no-store")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not BatchReceipt.objects.exists()


def test_a_body_that_drips_is_408(device, monkeypatch):
    monkeypatch.setattr(application, "SMALL_BODY_SECONDS", 0.3)
    answer = post("/api/ingest", [b" ", PAUSE] * 1000, announced=60_000, headers=device)
    assert (answer.status, json.loads(answer.content)["code"]) == (408, "body_too_slow")


def test_an_upload_that_stalls_is_refused_and_leaves_nothing(engineer, monkeypatch):
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.1)
    text = form(300_000)
    answer = post(VERSIONS, [text[:200_000], SILENCE], announced=len(text), headers=engineer)
    assert (answer.status, json.loads(answer.content)["code"]) == (400, "body_truncated")
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.glob("*.upload*"))


def test_more_unfinished_bodies_than_fit_are_503_with_retry_after(device, monkeypatch):
    monkeypatch.setattr(bodies, "HELD_BYTES", 100_000)
    text = batch(1000)
    answer = post("/api/ingest", in_pieces(text), announced=len(text), headers=device)
    assert (answer.status, json.loads(answer.content)["code"]) == (503, "too_many_bodies")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(("path", "status"), [("/api/nothing", 404), ("/api/models", 401), ("/api/ingest", 401)])
def test_the_body_of_a_refused_request_is_read_so_that_the_connection_lives(path, status):
    answer = post(path, [b"x" * 10_000], announced=10_000, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.taken) == (status, 10_000)
    assert "connection" not in answer.headers


def test_a_client_that_asks_before_it_sends_is_refused_before_it_sends():
    headers = {"Content-Type": "application/json", "Expect": "100-continue"}
    answer = post("/api/ingest", [b"x" * 10_000] * 20, announced=200_000, headers=headers)
    assert (answer.status, answer.taken, answer.headers["connection"]) == (401, 0, "close")


def test_an_upload_that_drips_loses_its_thread(engineer, monkeypatch):
    monkeypatch.setattr(bodies, "FREE_SECONDS", 0.2)
    text = form(300_000)
    answer = post(VERSIONS, [text[:70_000], *[b"x", PAUSE] * 1000], announced=len(text), headers=engineer)
    assert (answer.status, json.loads(answer.content)["code"]) == (400, "body_truncated")
    assert answer.taken < len(text)
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.glob("*.upload*"))


def test_a_large_chunked_body_that_is_no_form_is_no_upload(engineer):
    """The view that takes a file or JSON reads the JSON from memory, and says its real length."""
    headers = engineer | {"Content-Type": "application/json"}
    answer = post(
        f"{VERSIONS}/1.0.0/baseline", [b'{"from": "' + b"x" * 100_000 + b'"}'], announced=None, headers=headers
    )
    assert (answer.status, json.loads(answer.content)["code"]) == (404, "unknown_model")
