"""Finds and ends what a child of ours has started, however far it has spread.

A child leads a session of its own. What it starts belongs to it by group, or, where that started a session too, by a mark
in the environment that it inherited. A dead leader leaves a group that still holds the port, so a group is ended as a whole.

Each child is recorded in a file, because PostgreSQL and Redis overwrite their environment when they set their titles. A
record is believed only while a process with that pid has that start time, so that a pid used again is never signaled.
"""

import contextlib
import functools
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from config.processes import tables

MARK = "MODELFLEET_SUPERVISED"
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Record:
    """What is needed to find a child again, and to know that it is that child."""

    mark: str
    pid: int
    started_ticks: int
    boot_id: str
    end_signal: int


def write_record(folder: Path, *, name: str, mark: str, pid: int, end_signal: signal.Signals) -> None:
    """Record a child that was just started; a child that is gone already needs no record."""
    if (process := tables.find(pid)) is None:
        return
    record = Record(mark, pid, process.started_ticks, tables.boot_id(), int(end_signal))
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.json"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(folder / f"{name}.json")


def erase_record(folder: Path, *, name: str) -> None:
    """Forget a child that has been ended."""
    (folder / f"{name}.json").unlink(missing_ok=True)


def read_records(folder: Path) -> Iterable[Record]:
    """Yield the records that can be read; a torn one is of a child that its mark will find."""
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            yield Record(**json.loads(path.read_text()))


def list_members(leader: int) -> set[int]:
    """Return the live processes of the session or group that this process leads or led."""
    return {process.pid for process in tables.list_all() if leader in (process.session, process.group)}


def list_marked(mark: str) -> set[int]:
    """Return the live processes whose mark starts so, without ourselves and those who started us."""
    found = {process.pid for process in tables.list_all() if _carries(process.pid, mark)}
    return found - _list_ancestors()


def end(find: Callable[[], set[int]], *, first: signal.Signals, grace_seconds: float) -> None:
    """Signal all that are found, and kill what is still there after the grace; returns when nobody is left."""
    _signal(find(), first)
    deadline = time.monotonic() + grace_seconds
    while pids := find():
        if time.monotonic() >= deadline:
            _signal(pids, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def end_leftovers(folder: Path, *, mark: str) -> None:
    """End what earlier runs with this mark have left, recorded or marked, and forget the records."""
    for record in read_records(folder):
        if not record.mark.startswith(mark) or record.boot_id != tables.boot_id():
            continue
        process = tables.find(record.pid)
        if process and process.started_ticks == record.started_ticks:
            members = functools.partial(list_members, record.pid)
            end(members, first=signal.Signals(record.end_signal), grace_seconds=2)
    end(lambda: list_marked(mark), first=signal.SIGKILL, grace_seconds=0)
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            if Record(**json.loads(path.read_text())).mark.startswith(mark):
                path.unlink()


def _carries(pid: int, mark: str) -> bool:
    return (tables.read_mark(pid, variable=MARK) or "").startswith(mark)


def _list_ancestors() -> set[int]:
    pids, pid = set[int](), os.getpid()
    while pid > 1 and pid not in pids:
        pids.add(pid)
        status = (tables.PROC / str(pid) / "status").read_text()
        pid = int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])
    return pids


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
