"""Starts a program as a child that leads its own session, dies with this process, and can be found again."""

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

from config.processes import groups, prctl

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Run:
    """One run on a home. Every child has the mark `<home's id>/<this run>/<child>/` in its environment."""

    records: Path
    home_mark: str

    @property
    def mark(self) -> str:
        """The start of the marks of all children of this run."""
        return f"{self.home_mark}{self.records.name}/"

    def mark_of(self, name: str) -> str:
        """Return the mark of one child."""
        return f"{self.mark}{name}/"


def identify(home: Path) -> str:
    """Return a short name for a home, the same for every spelling of its path."""
    return hashlib.sha256(bytes(home.expanduser().resolve())).hexdigest()[:16]


def begin_run(home: Path) -> Run:
    """Name a new run on this home, and end the processes that earlier runs have left. The home's lock must be held."""
    run = Run(records=home.resolve() / "run" / secrets.token_hex(8), home_mark=f"{identify(home)}/")
    run.records.parent.mkdir(mode=0o700, exist_ok=True)
    for records in run.records.parent.glob("*"):
        groups.end_run(records, mark=f"{run.home_mark}{records.name}/")
    groups.end(lambda: groups.list_marked(run.home_mark), first=signal.SIGKILL, grace_seconds=0)
    return run


def adopt_orphans() -> None:
    """Become the parent of processes that lose theirs below us, so that they are collected when they end."""
    prctl.call(prctl.SET_CHILD_SUBREAPER, 1)


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
    """Start the program. It gets `end_signal` when this process ends, or from a later run that cleans up.

    The kernel ties a child to the *thread* that started it, so call this from a thread that outlives the child.

    Raises:
        OSError: when the program cannot be started.
    """
    wrapped = (sys.executable, "-I", "-S", str(LAUNCH), str(int(end_signal)), str(os.getpid()), *command)
    process = subprocess.Popen(  # noqa: S603 - our own command line
        wrapped,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env={**os.environ, **(environment or {}), groups.MARK: run.mark_of(name)},
        cwd=directory,
        start_new_session=True,
    )
    groups.write_record(run.records, name=name, pid=process.pid, end_signal=end_signal)
    return process
