"""Kill processes of a server under load, and count lost records: `python -m bench.kills [--kills 14]`.

A server (`manage.py run`) on a temporary home takes telemetry from four plain senders and two real agents with an
application each, while a build runs. Every few seconds one of web, worker, builder, beat, files, PostgreSQL, Redis, an
agent or the supervisor itself is killed with SIGKILL. At the end it checks that every acknowledged
batch is counted exactly once, that the build is READY once, and that every agent has a model that classifies.
"""

import argparse
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "examples" / "digits"
MANAGE = [sys.executable, str(ROOT / "manage.py")]
BATCH = 100
# The part of a command line by which each child is known.
CHILDREN = {
    "web": "config.rsgi",
    "worker": "worker@",
    "builder": "builder@",
    "beat": "--schedule=",
    "files": "config.web.files:application",
    "postgres": "postgres",
    "redis": "valkey-server",
}


@dataclass
class Installation:
    """One server on one home."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the web server."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server; do not wait."""
        log = (self.home / "server.log").open("ab")
        self.process = subprocess.Popen(
            [*MANAGE, "run"], env={**os.environ, **self.environment}, stdout=log, stderr=log, start_new_session=True
        )

    def wait_until_ready(self, seconds: float = 90) -> float:
        """Wait until /readyz answers 200; return the seconds."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return time.monotonic() - began
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"not ready within {seconds} s; see {self.home}/server.log")

    def kill(self, name: str) -> None:
        """Kill one child with SIGKILL; or kill the supervisor, and start it again at once."""
        assert self.process is not None
        if name == "supervisor":
            self.process.kill()
            self.process.wait()
            self.start()
            return
        mark = CHILDREN[name]
        for child in psutil.Process(self.process.pid).children():
            try:
                if any(mark in part for part in child.cmdline()):
                    child.kill()
                    return
            except psutil.Error:
                continue

    def manage(self, *arguments: str) -> str:
        """Run one command of manage.py."""
        done = subprocess.run(
            [*MANAGE, *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@dataclass
class Sender:
    """A device that is only an HTTP client. It sends each batch until the server acknowledges it."""

    url: str
    device_id: str
    token: str
    stream: str = field(default_factory=lambda: str(uuid.uuid4()))
    acknowledged: int = 0
    accepted: int = 0
    retries: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    def send_until(self, stop: threading.Event) -> None:
        """Send until told to stop; finish the current batch first."""
        number = 0
        with httpx.Client(timeout=10) as client:
            while not stop.is_set():
                body = self._batch(number)
                while not self._send(client, body):
                    self.retries += 1
                    time.sleep(0.2)
                self.acknowledged += BATCH
                number += 1
                time.sleep(0.05)

    def _send(self, client: httpx.Client, body: dict[str, Any]) -> bool:
        try:
            answer = client.post(f"{self.url}/api/ingest", json=body, headers={"Authorization": f"Bearer {self.token}"})
        except httpx.HTTPError:
            return False
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            receipt = answer.json()
            assert receipt["accepted"] + receipt["duplicates"] == BATCH, receipt
            self.accepted += receipt["accepted"]
            return True
        assert answer.status_code >= 500 or answer.status_code == 429, (answer.status_code, answer.text)
        return False

    def _batch(self, number: int) -> dict[str, Any]:
        records = [
            {
                "timestamp": time.time(),
                "latency_ms": 2.5,
                "model_id": "digits",
                "model_version": "1.0.0",
                "confidence": 0.9,
                "class_id": index % 10,
                "request_hash": f"{number}-{index}",
            }
            for index in range(BATCH)
        ]
        return {"device_id": self.device_id, "stream": self.stream, "batch": number, "records": records}


def main() -> None:
    """Run the benchmark and print the figures."""
    arguments = _parse_arguments()
    rng = random.Random(arguments.seed)
    home = Path(tempfile.mkdtemp(prefix="mf-kills-"))
    environment = {
        "MODELFLEET_HOME": str(home),
        "PORT": str(arguments.port),
        "POLL_AFTER_SECONDS": "2",
        "BUILD_LEASE": "10s",
        "PROBATION_SECONDS": "3",
        "PROBATION_INFERENCES": "5",
    }
    server = Installation(home, arguments.port, environment=environment)
    server.start()
    devices: list[subprocess.Popen[bytes]] = []
    try:
        print(f"ready after {server.wait_until_ready():.1f} s")
        run(server, devices, kills=arguments.kills, rng=rng)
    finally:
        for device in devices:
            device.kill()
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.process.kill()
        shutil.rmtree(home, ignore_errors=True)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=14)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--port", type=int, default=8711)
    return parser.parse_args()


def run(server: Installation, devices: list[subprocess.Popen[bytes]], *, kills: int, rng: random.Random) -> None:
    """Make load, kill processes, wait until all batches are counted, and check the counts."""
    token = server.manage("create_api_token", "--name=bench", "--role=admin")
    api = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    _upload(api, "1.0.0")
    _wait_for(api, "1.0.0")
    _check(api.put("/api/models/digits/channels/stable", json={"version": "1.0.0"}))
    key = _check(
        api.post(
            "/api/enrollment-keys",
            json={"name": "bench", "max_uses": 6, "subscriptions": [{"model": "digits", "channel": "stable"}]},
        )
    )["key"]
    senders = [_enroll(server.url, f"sender-{number}", key) for number in range(4)]
    homes = [_start_device(server, f"agent-{number}", key, devices) for number in range(2)]
    _wait_for_model(homes)
    stop = threading.Event()
    threads = [threading.Thread(target=sender.send_until, args=(stop,), daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    _upload(api, "2.0.0")
    killed = _kill(server, devices, homes, kills=kills, rng=rng)
    server.wait_until_ready()
    stop.set()
    for thread in threads:
        thread.join()
    _report(api, senders, homes, killed=killed)


def _kill(
    server: Installation,
    devices: list[subprocess.Popen[bytes]],
    homes: list[Path],
    *,
    kills: int,
    rng: random.Random,
) -> Counter[str]:
    names = [*CHILDREN, "supervisor", "agent"]
    order = [names[index % len(names)] for index in range(kills)]
    # The builder is killed first, while it builds 2.0.0.
    rng.shuffle(order)
    order.sort(key=lambda name: name != "builder")
    for name in order:
        time.sleep(rng.uniform(0.5, 4.0))
        if name == "agent":
            number = rng.randrange(len(homes))
            devices[2 * number].kill()
            devices[2 * number].wait()
            devices[2 * number] = _run_agent(homes[number])
        else:
            server.kill(name)
        print(f"killed {name}; ", end="", flush=True)
        for home in homes:
            _classify(home)
    print()
    return Counter(order)


def _report(api: httpx.Client, senders: list[Sender], homes: list[Path], *, killed: Counter[str]) -> None:
    version = _wait_for(api, "2.0.0")
    expected = {sender.device_id: sender.acknowledged for sender in senders}
    counted: dict[str, int] = {}
    end = time.monotonic() + 60
    while time.monotonic() < end and counted != expected:
        time.sleep(1)
        counted = {name: _samples(api, name) for name in expected}
    lost = sum(max(0, expected[name] - counted[name]) for name in expected)
    doubled = sum(max(0, counted[name] - expected[name]) for name in expected)
    defaults = Counter(row["target"] for row in version["variants"] if row["is_default"])
    answers = [_classify(home) for home in homes]
    print(f"killed with SIGKILL: {sum(killed.values())} times: {dict(killed)}")
    print(f"records acknowledged: {sum(expected.values())} in {sum(expected.values()) // BATCH} batches")
    print(f"sent again after no answer or 5xx: {sum(sender.retries for sender in senders)}")
    print(
        f"stored but unacknowledged, recognized when sent again: {sum(s.acknowledged - s.accepted for s in senders)} records"
    )
    print(f"acknowledged and lost: {lost}   (bar: 0)")
    print(f"counted twice: {doubled}   (bar: 0)")
    print(f"build of 2.0.0: {version['status']}, one default variant per target: {set(defaults.values()) == {1}}")
    print(f"agents with a working model: {len(answers)} of {len(homes)} (checked after every kill)")
    if lost or doubled or set(defaults.values()) != {1}:
        raise SystemExit(1)


def _samples(api: httpx.Client, device_id: str) -> int:
    answer = api.get(
        "/api/drift", params={"model": "digits", "version": "1.0.0", "window": "24h", "device_id": device_id}
    )
    return int(answer.json()["samples"]) if answer.status_code == 200 else 0


def _check(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise SystemExit(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer.json()


def _upload(api: httpx.Client, number: str) -> None:
    files = {
        "file": (f"digits-{number}.onnx", (DIGITS / f"digits-{number}.onnx").read_bytes()),
        "calibration": ("calibration.npz", (DIGITS / "calibration.npz").read_bytes()),
    }
    form = {"version": number, "targets": ["generic-cpu", "raspberry-pi-5"]}
    _check(api.post("/api/models/digits/versions", data=form, files=files))


def _wait_for(api: httpx.Client, number: str) -> Any:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        try:
            answer = api.get(f"/api/models/digits/versions/{number}")
            if answer.status_code == 200 and answer.json()["status"] in {"ready", "rejected"}:
                return answer.json()
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"{number} did not become ready")


def _enroll(url: str, device_id: str, key: str) -> Sender:
    body = {"device_id": device_id, "enrollment_key": key, "target": "generic-cpu", "labels": {}, "capabilities": {}}
    return Sender(url, device_id, _check(httpx.post(f"{url}/api/devices/enroll", json=body))["token"])


def _start_device(server: Installation, name: str, key: str, devices: list[subprocess.Popen[bytes]]) -> Path:
    folder = server.home / "devices" / name
    folder.mkdir(parents=True)
    (folder / "agent.toml").write_text(
        f'server_url = "{server.url}"\ndevice_id = "{name}"\nenrollment_key = "{key}"\ntarget = "generic-cpu"\n'
        'home = "state"\nheartbeat_seconds = 5\ntelemetry_flush_seconds = 1\nretry_max_seconds = 2\n'
    )
    devices.append(_run_agent(folder / "state"))
    camera = [sys.executable, str(DIGITS / "camera.py"), f"--agent-home={folder / 'state'}", "--rate=5"]
    with (folder / "camera.log").open("ab") as log:
        devices.append(subprocess.Popen(camera, stdout=log, stderr=log))
    return folder / "state"


def _run_agent(home: Path) -> subprocess.Popen[bytes]:
    with (home.parent / "agent.log").open("ab") as log:
        agent = Path(sys.executable).with_name("edge-agent")
        return subprocess.Popen([str(agent), "run", f"--config={home.parent / 'agent.toml'}"], stdout=log, stderr=log)


def _wait_for_model(homes: list[Path]) -> None:
    from edge_agent.errors import AgentError

    end = time.monotonic() + 60
    for home in homes:
        while True:
            try:
                _classify(home)
                break
            except AgentError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)


def _classify(home: Path) -> int:
    """Classify with the model that the agent has now, as an application does when it starts."""
    import numpy as np

    from edge_agent import Runtime

    with Runtime(home=home) as runtime:
        return runtime.infer(np.zeros((1, 1, 8, 8), dtype=np.float32)).class_id


if __name__ == "__main__":
    main()
