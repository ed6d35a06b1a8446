"""Measure the start and the memory of an idle server: `python -m bench.footprint`.

Starts `manage.py run` on a temporary home twice and measures the seconds until its `ready:` line, the first time with initdb and
migrations. Then, after 30 idle seconds, it measures the processor time of these seconds, and the memory of each child with all
its processes: PSS, which counts pages that processes share only once (proc(5), smaps_rollup). Exits with 1 if a bar is missed.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from bench import installation

MAX_MB = 440.0
MAX_FIRST_SECONDS = 5.8
MAX_SECOND_SECONDS = 4.5
# The part of a command line by which each child is known. Outer processes come first.
MARKS = {
    "beat": " beat ",
    "builder": "builder@",
    "worker": "worker@",
    "files": "config.web.files",
    "web": "config.rsgi",
    "guardian": "processes.guardian",
    "redis": "valkey-server",
    "postgres": "postgres",
}


def main() -> int:
    """Print every figure beside its bar; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle-seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="mf-bench-"))
    print(installation.describe_machine())
    try:
        first, server = _start(home)
        _stop(server)
        second, server = _start(home)
        try:
            before = _cpu_seconds(server)
            time.sleep(arguments.idle_seconds)
            busy = (_cpu_seconds(server) - before) / arguments.idle_seconds
            found = _measure(server)
        finally:
            _stop(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return _report(found, first=first, second=second, busy=busy)


def _start(home: Path) -> tuple[float, subprocess.Popen[str]]:
    """Start the server; return the seconds until its ready line."""
    environment = {**os.environ, "MODELFLEET_HOME": str(home), "PORT": str(installation.free_port())}
    for name in ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "DJANGO_SETTINGS_MODULE", "FILES_PORT"):
        environment.pop(name, None)
    log = (home / "server.log").open("ab")
    began = time.monotonic()
    command = [sys.executable, str(installation.ROOT / "manage.py"), "run"]
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
    )
    log.close()
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("ready: "):
            return time.monotonic() - began, server
    raise SystemExit(f"the server did not start:\n{(home / 'server.log').read_text()[-2000:]}")


def _stop(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.wait(20)


def _tree(server: subprocess.Popen[str]) -> list[psutil.Process]:
    supervisor = psutil.Process(server.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def _cpu_seconds(server: subprocess.Popen[str]) -> float:
    total = 0.0
    for process in _tree(server):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def _measure(server: subprocess.Popen[str]) -> dict[str, list[float]]:
    """Return the PSS of every process in megabytes, grouped by the child of the supervisor that it belongs to."""
    found: dict[str, list[float]] = defaultdict(list)
    supervisor = psutil.Process(server.pid)
    found["supervisor"].append(_pss_mb(supervisor))
    for child in supervisor.children():
        command = " ".join(child.cmdline())
        name = next((name for name, mark in MARKS.items() if mark in command), command[:20])
        found[name] += [_pss_mb(process) for process in [child, *child.children(recursive=True)]]
    return found


def _pss_mb(process: psutil.Process) -> float:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    kilobytes = re.search(r"^Pss: +(\d+) kB", rollup, flags=re.MULTILINE)
    assert kilobytes is not None
    return int(kilobytes[1]) / 1024


def _report(found: dict[str, list[float]], *, first: float, second: float, busy: float) -> int:
    for name, sizes in sorted(found.items(), key=lambda item: -sum(item[1])):
        each = " + ".join(f"{size:.0f}" for size in sorted(sizes, reverse=True) if size >= 1)
        print(f"{name:12} {sum(sizes):>6.0f} MB in {len(sizes)} processes ({each})")
    total = sum(map(sum, found.values()))
    print(f"{'all':12} {total:>6.0f} MB (bar: {MAX_MB:g}); {busy:.1%} of a core while idle")
    print(
        f"ready after {first:.1f} s the first time (bar: {MAX_FIRST_SECONDS}), {second:.1f} s the second ({MAX_SECOND_SECONDS})"
    )
    is_met = total <= MAX_MB and first <= MAX_FIRST_SECONDS and second <= MAX_SECOND_SECONDS
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
