"""A real server: `manage.py run` on a home of its own, with short lengths."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
MANAGE = str(ROOT / "manage.py")
DIGITS = ROOT / "examples" / "digits"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(question, *, seconds=60.0, every=0.1):
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := question():
            return answer
        time.sleep(every)
    raise AssertionError(f"in vain for {seconds} s: {question}")


@dataclass
class RunningServer:
    home: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        own = {"MODELFLEET_HOME": str(self.home), "PORT": str(self.port), "FILES_PORT": ""}
        kept = {key: value for key, value in os.environ.items() if key not in {"DJANGO_SETTINGS_MODULE", "FILES_PORT"}}
        return {key: value for key, value in {**kept, **own, **self.settings}.items() if value}

    @property
    def log(self) -> Path:
        return self.home.parent / f"{self.home.name}.log"

    def start(self) -> "RunningServer":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, MANAGE, "run"], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def wait_until_ready(self) -> "RunningServer":
        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        wait_for(ready, seconds=90)
        return self

    def stop(self, *, with_signal: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(with_signal)
        return self.process.wait(20)

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, MANAGE, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def child(self, mark: str) -> psutil.Process | None:
        """Find a child of the supervisor's by a part of its command line."""
        assert self.process is not None
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if any(mark in part for part in process.cmdline()):
                    return process
        return None

    def client(self, role: str = "admin") -> httpx.Client:
        token = self.manage("create_api_token", "--name=test", f"--role={role}").strip()
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def upload(client, model, number="1.0.0", targets=("generic-cpu",)):
    files = {
        "file": ("model.onnx", (DIGITS / "digits-2.0.0.onnx").read_bytes()),
        "calibration": ("calibration.npz", (DIGITS / "calibration.npz").read_bytes()),
    }
    answer = client.post(
        f"/api/models/{model}/versions", data={"version": number, "targets": list(targets)}, files=files
    )
    assert answer.status_code == 201, answer.text


def version_of(client, model, number="1.0.0"):
    return client.get(f"/api/models/{model}/versions/{number}").json()


def wait_until_ready(client, model, seconds=120):
    return wait_for(
        lambda: (found := version_of(client, model))["status"] in {"ready", "rejected"} and found, seconds=seconds
    )


def enroll(client, device_id, model):
    key = client.post("/api/enrollment-keys", json={"name": device_id, "subscriptions": [{"model": model}]}).json()[
        "key"
    ]
    body = {"device_id": device_id, "enrollment_key": key, "target": "generic-cpu"}
    token = httpx.post(f"{client.base_url}/api/devices/enroll", json=body).json()["token"]
    return httpx.Client(base_url=client.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=10)


@pytest.fixture
def new_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mf-sys-"))
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    folder = Path(tempfile.mkdtemp(prefix="mf-sys-"))
    running = RunningServer(folder / "home", settings={"BUILD_LEASE": "10s", "POLL_AFTER_SECONDS": "2"}).start()
    try:
        yield running.wait_until_ready()
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def admin(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
