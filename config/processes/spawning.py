"""Starts a program as a child that leads its own session, dies with us, and can be found again."""

import hashlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.processes import groups

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Run:
    """One run on a home: every child carries its mark, `<home's id>/<this run>/<child>`."""

    records: Path
    home_mark: str
    run_id: str

    @property
    def mark(self) -> str:
        """What the marks of all children of this run start with."""
        return f"{self.home_mark}/{self.run_id}/"


def begin_run(home: Path) -> Run:
    """Name a new run on this home."""
    home = home.resolve()
    digest = hashlib.sha256(bytes(home)).hexdigest()[:16]
    return Run(records=home / "run", home_mark=digest, run_id=secrets.token_hex(8))


def spawn(
    command: tuple[str, ...],
    *,
    run: Run,
    name: str,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    end_signal: signal.Signals = signal.SIGKILL,
    output: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start the program; it gets `end_signal` when this thread's process goes, and when a later run cleans up.

    The kernel ties a child to the *thread* that started it, so call this from one that lives as long as the child shall.
    """
    mark = f"{run.mark}{name}"
    wrapped = (sys.executable, "-I", "-S", str(LAUNCH), str(int(end_signal)), str(os.getpid()), *command)
    process = subprocess.Popen(  # noqa: S603 - our own command line
        wrapped,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env={**os.environ, **(environment or {}), groups.MARK: mark},
        cwd=directory,
        start_new_session=True,
    )
    groups.write_record(run.records, name=name, mark=mark, pid=process.pid, end_signal=end_signal)
    return process
