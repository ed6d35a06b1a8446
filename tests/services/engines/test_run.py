"""`manage.py run` as scripts use it: the whole server, from its first start to its stop."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Whatever the machine is set to use, this server uses what comes with it.
EMBEDDED = {"DATABASE_URL": "", "REDIS_URL": "", "S3_ENDPOINT_URL": "", "HOST": "127.0.0.1"}


def manage(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env={**os.environ, **EMBEDDED, "MODELFLEET_HOME": str(home), **settings},
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )


class Server:
    """`manage.py run` as a process."""

    def __init__(self, home: Path, *, port: int, log: Path, **settings: str) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "run"],
                env={**os.environ, **EMBEDDED, "MODELFLEET_HOME": str(home), "PORT": str(port), **settings},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def read_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def serve(home, tmp_path):
    started: list[Server] = []

    def start(port: int, **settings: str) -> Server:
        started.append(Server(home, port=port, log=tmp_path / "run.log", **settings))
        return started[-1]

    yield start
    for server in started:
        server.close()


def is_ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
        return response.status == 200


def test_the_server_from_its_first_start_to_its_stop(home, serve, free_port, tmp_path, processes_of):
    before = manage(home, "create_api_token", "--name", "early", "--role", "admin")
    assert before.returncode == 0, before.stderr
    assert before.stdout.startswith("mf_")
    assert before.stdout.count("\n") == 1

    server = serve(free_port)
    assert server.read_line() == f"ready: http://127.0.0.1:{free_port}\n", server.log.read_text()
    assert is_ready(free_port)
    meanwhile = manage(home, "create_api_token", "--name", "later", "--role", "viewer")
    assert meanwhile.stdout.startswith("mf_"), meanwhile.stderr

    same_home = manage(home, "run", PORT=str(free_port + 7))
    assert same_home.returncode == 1
    assert f"is in use by process {server.process.pid} (server)" in same_home.stderr
    same_port = manage(tmp_path / "other", "run", PORT=str(free_port))
    assert same_port.returncode == 1
    assert f"127.0.0.1:{free_port} is taken by another program" in same_port.stderr

    server.process.kill()
    again = serve(free_port)
    assert again.read_line() == f"ready: http://127.0.0.1:{free_port}\n", again.log.read_text()
    assert is_ready(free_port)
    started = time.monotonic()
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(20) == 0
    assert time.monotonic() - started < 15
    assert not processes_of(home)


WHAT_TO_CHECK = "Check S3_ENDPOINT_URL, S3_BUCKET, S3_REGION, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY."


def test_prepare_says_last_what_the_object_store_answered_and_what_to_check(home, s3_server):
    settings = s3_server.settings(bucket="fleet") | {"S3_SECRET_ACCESS_KEY": "not the secret"}
    done = manage(home, "prepare", **settings)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: Cannot make the bucket 'fleet': the object store answers AccessDenied. {WHAT_TO_CHECK}"
    )
    assert "not the secret" not in done.stdout + done.stderr


def test_prepare_says_last_that_no_object_store_answers(home, s3_server, free_port):
    settings = s3_server.settings(bucket="fleet") | {"S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port}"}
    done = manage(home, "prepare", **settings)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: Cannot make the bucket 'fleet': no object store answers (NewConnectionError). {WHAT_TO_CHECK}"
    )


def test_a_server_that_cannot_be_prepared_says_why_in_its_last_line(home, serve, s3_server, free_port):
    settings = s3_server.settings(bucket="fleet") | {"S3_SECRET_ACCESS_KEY": "not the secret"}
    server = serve(free_port, **settings)
    assert server.process.wait(60) == 1
    said = server.log.read_text()
    assert said.splitlines()[-1] == (
        "error: prepare: ended with exit code 1; its last line: "
        f"error: Cannot make the bucket 'fleet': the object store answers AccessDenied. {WHAT_TO_CHECK}"
    )
    assert "not the secret" not in said
