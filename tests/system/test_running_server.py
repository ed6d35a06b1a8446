import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from tests.running_server import (
    MANAGE,
    RunningServer,
    enroll,
    free_port,
    upload,
    version_of,
    wait_for,
    wait_until_ready,
)


def test_it_says_ready_on_a_line_of_its_own(server):
    # The web server may answer a moment before the supervisor has asked it.
    wait_for(lambda: f"ready: {server.url}" in server.log.read_text().splitlines(), seconds=10)


def test_a_token_is_printed_alone(server):
    lines = server.manage("create_api_token", "--name=x", "--role=viewer").splitlines()
    assert len(lines) == 1
    assert httpx.get(f"{server.url}/api/models", headers={"Authorization": f"Bearer {lines[0]}"}).status_code == 200


def test_a_home_in_use_and_a_taken_port_are_clear_errors(server, new_home):
    for environment, word in (
        (server.environment | {"PORT": str(free_port())}, str(server.home)),
        (server.environment | {"MODELFLEET_HOME": str(new_home)}, str(server.port)),
    ):
        done = subprocess.run(
            [sys.executable, MANAGE, "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode != 0
        assert word in done.stderr
        assert "Traceback" not in done.stderr


def test_an_upload_cut_half_way_is_refused_and_leaves_nothing(server, admin):
    boundary = "cut"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="version"\r\n\r\n1.0.0\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="model.onnx"\r\n\r\n'
    ).encode()
    blobs_before = {path for path in (server.home / "blobs").rglob("*") if path.is_file()}
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            f"POST /api/models/cut-model/versions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: {admin.headers['Authorization']}\r\nContent-Length: 5000000\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode()
        )
        connection.sendall(head + os.urandom(1_000_000))
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    wait_for(lambda: not [path for path in (server.home / "tmp").rglob("*") if path.is_file()])
    assert admin.get("/api/models/cut-model").status_code == 404
    assert {path for path in (server.home / "blobs").rglob("*") if path.is_file()} == blobs_before


def test_a_build_whose_worker_is_killed_ends_ready_once(server, admin):
    upload(admin, "killed-build", targets=("generic-cpu", "raspberry-pi-5"))
    wait_for(lambda: version_of(admin, "killed-build")["status"] == "building", seconds=60, every=0.02)
    builder = server.child("builder@")
    assert builder is not None
    for process in [*builder.children(recursive=True), builder]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    found = wait_until_ready(admin, "killed-build")
    assert found["status"] == "ready"
    defaults = [variant["target"] for variant in found["variants"] if variant["is_default"]]
    assert sorted(defaults) == ["generic-cpu", "raspberry-pi-5"]


def test_stalled_downloads_do_not_delay_a_poll(server, admin):
    upload(admin, "stalled")
    wait_until_ready(admin, "stalled")
    assert admin.put("/api/models/stalled/channels/stable", json={"version": "1.0.0"}).status_code == 200
    device = enroll(admin, "stalling-1", "stalled")
    latest = device.get("/api/models/latest", params={"device_id": "stalling-1"})
    address = httpx.URL(latest.json()["download_url"])
    stalled = []
    for _ in range(16):
        connection = socket.create_connection((address.host, address.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.sendall(
            f"GET {address.raw_path.decode()} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n\r\n".encode()
        )
        stalled.append(connection)
    try:
        for _ in range(5):
            etag = {"If-None-Match": latest.headers["ETag"]}
            answer = device.get("/api/models/latest", params={"device_id": "stalling-1"}, headers=etag, timeout=5)
            assert answer.status_code == 304
        whole = httpx.get(str(address), timeout=5).content
        assert len(whole) == latest.json()["size"]
    finally:
        for connection in stalled:
            connection.close()
        device.close()


@pytest.mark.parametrize("mark", ["config.rsgi", "worker@", "beat", "postgres", "valkey-server"])
def test_a_killed_child_is_started_again_and_the_others_reconnect(server, admin, mark):
    victim = server.child(mark)
    assert victim is not None
    family = [victim, *victim.children(recursive=True)]
    victim.kill()

    def back():
        found = server.child(mark)
        try:
            return found is not None and found.pid != victim.pid and admin.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    # The killed one's own children may still answer for a moment; they are ended before its successor starts.
    wait_for(lambda: not [process for process in family if process.is_running()], seconds=30)
    wait_for(back, seconds=30)
    assert admin.get("/api/models").status_code == 200


def test_killed_with_9_it_leaves_no_orphan_and_starts_again_within_a_second(new_home):
    running = RunningServer(new_home).start()
    try:
        running.wait_until_ready()
        token = running.manage("create_api_token", "--name=x", "--role=viewer").strip()
        assert running.process is not None
        family = psutil.Process(running.process.pid).children(recursive=True)
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        time.sleep(0.5)
        running.start().wait_until_ready()
        assert httpx.get(f"{running.url}/api/models", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    finally:
        began = time.monotonic()
        family = psutil.Process(running.process.pid).children(recursive=True)
        running.stop(with_signal=signal.SIGINT)
    assert time.monotonic() - began < 15
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    # And a command works while nothing runs.
    assert running.manage("create_api_token", "--name=y", "--role=viewer").startswith("mf_")
