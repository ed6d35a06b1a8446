"""Homes, and supervisors as processes of their own, so that they can be killed."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.engines import location
from config.processes import spawning

ROOT = Path(__file__).resolve().parents[3]
SUPERVISE = Path(__file__).with_name("supervise.py")


def wait_until(claim: Callable[[], object], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def list_processes_of(home: Path) -> set[int]:
    """Return the pids that carry the home's mark or work in it, whatever group they are in."""
    mark = f"MODELFLEET_SUPERVISED={spawning.identify(home)}/".encode()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_zombie = b") Z" in (process / "stat").read_bytes()
            is_ours = mark in (process / "environ").read_bytes() or (process / "cwd").readlink().is_relative_to(home)
            if is_ours and not is_zombie:
                found.add(int(process.name))
    return found


class Supervised:
    """A supervisor that runs: its process, and what it has said."""

    def __init__(self, home: Path, children: list[dict], *, with_engines: bool, log: Path) -> None:
        self.log = log
        self._stderr = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(SUPERVISE), str(home), json.dumps(children), "engines" if with_engines else "alone"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )

    def wait_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n", self.said()

    def said(self) -> str:
        return self.log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Signal it, wait, and return how many seconds that took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - started

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()
        self._stderr.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    wait_until(lambda: not list_processes_of(home))
    places = location.find_places(home)
    for folder in (places.postgresql_sockets, places.redis_sockets):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike those below pytest's own."""
    with tempfile.TemporaryDirectory(prefix="mf-open-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def supervise(home: Path, tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(*children: dict, with_engines: bool = False) -> Supervised:
        log = tmp_path / f"log{len(started)}"
        started.append(Supervised(home, list(children), with_engines=with_engines, log=log))
        return started[-1]

    yield start
    for supervised in started:
        supervised.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def processes_of() -> Callable[[Path], set[int]]:
    return list_processes_of


@pytest.fixture
def sleeping_process() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def make_supervisor(home: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """A supervisor behind make, as `make run` is, in a process group of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*children: dict, with_engines: bool = False) -> subprocess.Popen[bytes]:
        engines = "engines" if with_engines else "alone"
        words = [sys.executable, str(SUPERVISE), str(home), json.dumps(children), engines]
        (tmp_path / "Makefile").write_text(f"run:\n\t@exec {shlex.join(words)}\n")
        process = subprocess.Popen(
            # A shell starts background programs with SIGINT ignored, and make keeps ignoring it.
            ["env", "--default-signal=INT", "make", "--no-print-directory", "-C", str(tmp_path), "run"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def unread_supervisor(home: Path) -> Iterator[Callable[[dict], subprocess.Popen[bytes]]]:
    """A supervisor whose output is a pipe that nobody reads."""
    started: list[subprocess.Popen[bytes]] = []

    def start(child: dict) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(SUPERVISE), str(home), json.dumps([child]), "alone"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def pid_of() -> Callable[[Path, str], int | None]:
    """Reads which process leads a child's group now."""

    def read(home: Path, name: str) -> int | None:
        for path in (home / "run").glob(f"*/{name}.json"):
            with contextlib.suppress(OSError, ValueError):
                return int(json.loads(path.read_text())["pid"])
        return None

    return read
