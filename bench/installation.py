"""A temporary installation for benchmarks: its own home, embedded engines, and the product's web server.

The engines are durable, as under `manage.py run`. No other process is started, so that as little as possible disturbs the
measurement.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@contextmanager
def engines(**settings: str) -> Iterator[Path]:
    """Run the engines on a new home, set up Django in this process, and apply migrations; yield the home."""
    home = Path(tempfile.mkdtemp(prefix="mf-bench-"))
    # Settings are read on import, so no module of config may have been imported before.
    os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "MODELFLEET_HOME": str(home), **settings}
    for name in ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL"):
        os.environ.pop(name, None)
    try:
        import django

        from config.engines import running

        with running(home):
            django.setup()
            from django.core.management import call_command
            from django.db import connections

            with Path(os.devnull).open("w") as nowhere:
                call_command("prepare", stdout=nowhere)
            try:
                yield home
            finally:
                connections.close_all()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class WebServer:
    """A running granian, started as the supervisor starts it."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor seconds that its processes have used so far."""
        return sum(_cpu_seconds(process) for process in [self.process, *self.process.children(recursive=True)])


@contextmanager
def web_server(home: Path, *, settings_module: str = "config.settings") -> Iterator[WebServer]:
    """Serve with the command line of the supervisor. Another settings module may add the URLs of peers."""
    from config.environment import environment
    from config.supervisor.children import list_children

    port = free_port()
    child = next(
        row for row in list_children(environment, address="127.0.0.1", files_port=port + 1) if row.name == "web"
    )
    command = [f"--port={port}" if part.startswith("--port=") else part for part in child.command]
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": settings_module}, stdout=log, stderr=log
        )
    try:
        _wait_until_ready(port, log=home / "web.log")
        yield WebServer(port, psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def postgresql_cpu_seconds(home: Path) -> float:
    """Return the processor seconds that the PostgreSQL of this home has used so far, with its running backends."""
    from config.engines.location import find_places

    folder = str(find_places(home).postgresql_data)
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        # The parent may be the wrapper that changed the account. The command lines of backends have no folder.
        if folder in command and process.name() == "postgres":
            return sum(_cpu_seconds(one) for one in [process, *process.children(recursive=True)])
    raise SystemExit("no process is the PostgreSQL of this home")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def describe_machine() -> str:
    """Return versions, cores and load average; a figure means nothing without them."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores shared with whatever else runs; load average {load}; Python {sys.version.split()[0]}"
    )


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _wait_until_ready(port: int, *, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with opener.open(f"http://127.0.0.1:{port}/livez", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the web server did not start:\n{log.read_text()[-2000:]}")
