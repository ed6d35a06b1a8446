"""24 idle sockets stopped the API: each held a thread that waited for the rest of a body. Now no thread waits for a small body."""

import contextlib
import resource
import socket
import time

import httpx
import pytest

from config.environment import list_defaults
from tests.running_server import enroll, wait_for

DEFAULTS = list_defaults()
STALLED = int(DEFAULTS["WEB_THREADS"]) * int(DEFAULTS["WEB_WORKERS"]) + 8
FORM = "Content-Type: multipart/form-data; boundary=border\r\nCookie: csrftoken=invented\r\n"
WAYS = {
    "a length and no body": ("POST /api/models", "Content-Length: 1000\r\n", b""),
    "a length and half a body": ("POST /api/ingest", "Content-Length: 1000\r\n", b"x" * 500),
    "a long body": ("POST /api/ingest", "Content-Length: 5000000\r\n", b"x" * 500),
    "chunks without an end": ("POST /api/ingest", "Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n"),
    "a form for the login page": ("POST /admin/login/", f"{FORM}Content-Length: 1000\r\n", b"--border\r\n"),
    "a health check with a body": ("POST /livez", "Content-Length: 1000\r\n", b""),
    "a GET with a body": ("GET /", "Content-Length: 1000\r\n", b""),
    "a promise to continue": ("POST /api/ingest", "Expect: 100-continue\r\nContent-Length: 1000\r\n", b""),
}

UPLOAD = ("POST /api/models/stalled-upload/versions", f"{FORM}Content-Length: 900000\r\n", b"--border\r\n")


@contextlib.contextmanager
def stalled(server, way, *, credentials=""):
    """As many connections as stopped the server, each in the middle of a body."""
    line, headers, part = way
    with contextlib.ExitStack() as stack:
        for _ in range(STALLED):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            head = f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{credentials}{headers}\r\n"
            connection.sendall(head.encode() + part)
        time.sleep(0.3)
        yield


@pytest.fixture(scope="module")
def device(server, admin):
    assert admin.post("/api/models", json={"model": "stalling"}).status_code in {201, 409}
    with enroll(admin, "stalling-2", "stalling") as client:
        yield client


def ask_everything(server, admin, device):
    """Every kind of client is answered while the bodies stall."""
    for path in ("/livez", "/readyz"):
        assert httpx.get(f"{server.url}{path}", timeout=5).status_code == 200
    assert device.get("/api/models/latest", params={"device_id": "stalling-2"}, timeout=5).status_code == 204
    assert device.post("/api/devices/self/heartbeat", json={}, timeout=5).status_code == 200
    assert admin.get("/api/devices", timeout=5).status_code == 200
    assert httpx.get(f"{server.url}/admin/login/", timeout=5).status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_stalled_bodies_of_strangers_stop_nobody(server, admin, device, way):
    with stalled(server, WAYS[way]):
        ask_everything(server, admin, device)


@pytest.mark.parametrize("way", ["a length and half a body", "a long body", "chunks without an end"])
def test_stalled_bodies_of_a_device_stop_nobody(server, admin, device, way):
    with stalled(server, WAYS[way], credentials=f"Authorization: {device.headers['Authorization']}\r\n"):
        ask_everything(server, admin, device)


@pytest.mark.parametrize("part", [b"", b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"])
def test_more_connections_than_a_process_once_took_stop_nobody(server, admin, device, part):
    """1,024 idle connections were the most that both web processes took."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    with contextlib.ExitStack() as stack:
        for _ in range(1300):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(part)
        ask_everything(server, admin, device)


def test_one_device_with_unfinished_batches_takes_the_room_of_nobody_else(server, admin, device):
    """Its large bodies filled the room for all bodies, and everybody else was answered with 503."""
    head = f"POST /api/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: {device.headers['Authorization']}\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.settimeout(5)
            with contextlib.suppress(OSError):
                connection.sendall(f"{head}Content-Length: 8000000\r\n\r\n".encode() + b"x" * 7_000_000)
        ask_everything(server, admin, device)
        long = {"model": "x", "description": "y" * 200_000}
        assert admin.post("/api/models", json=long, timeout=10).status_code == 400


def test_stalled_uploads_of_an_engineer_stop_nobody(server, admin, device):
    credentials = f"Authorization: {admin.headers['Authorization']}\r\n"
    with stalled(server, UPLOAD, credentials=credentials):
        ask_everything(server, admin, device)
    # The threads of uploads are free again once the connections have ended.
    answer = wait_for(
        lambda: admin.post(
            "/api/models/stalled-upload/versions", data={"version": "x"}, files={"file": b"y" * 100_000}, timeout=10
        )
    )
    assert answer.status_code == 400


def test_a_refusal_is_answered_although_the_body_stalls(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10)
        connection.sendall(
            f"POST /api/ingest HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 5000000\r\n\r\n".encode()
        )
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 401"), answer
        assert b"connection: close" in answer.lower()
        while connection.recv(65536):
            pass
