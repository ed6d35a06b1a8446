"""Finds and ends all processes of a child: the child itself, and every process that it has started.

A child leads a session of its own. Its descendants are found by the session. A descendant that has made another session is
found by a mark in the environment, which it has inherited. When the leader dies, its descendants may still hold the port,
so all of them are ended.

Each child is recorded in a file too, because PostgreSQL and Redis overwrite their environment when they set their titles. A
record counts only while the process with its pid has its start time: a pid that another process uses now is never signaled.
"""

import contextlib
import functools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from config.processes import process_table

MARK = "MODELFLEET_SUPERVISED"
POLL_SECONDS = 0.02
# How long processes of an earlier run may take to end. They are orphans, and nobody waits for their work.
LEFTOVER_GRACE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Record:
    """Enough to find a child again, and to tell it from a later process with the same pid."""

    pid: int
    started_ticks: int
    boot_id: str
    end_signal: int


def write_record(records: Path, *, name: str, pid: int, end_signal: signal.Signals) -> None:
    """Record a child that was just started. A child that has ended already needs no record."""
    if (process := process_table.find(pid)) is None:
        return
    record = Record(pid, process.started_ticks, process_table.boot_id(), int(end_signal))
    records.mkdir(parents=True, exist_ok=True)
    draft = records / f".{name}.json"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(records / f"{name}.json")


def erase_record(records: Path, *, name: str) -> None:
    """Remove the record of a child that has been ended, and the run's folder with its last record."""
    (records / f"{name}.json").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        records.rmdir()


def list_members(leader: int) -> set[int]:
    """Return the live processes of the session or group that this process leads or led."""
    return {process.pid for process in process_table.list_all() if leader in (process.session, process.group)}


def list_marked(mark: str) -> set[int]:
    """Return the live processes whose mark starts with this one, without this process and its ancestors."""
    found = {process.pid for process in process_table.list_all() if _carries(process.pid, mark)}
    return found - process_table.list_ancestors() if found else found


def end(find: Callable[[], set[int]], *, first: signal.Signals, grace_seconds: float) -> None:
    """Signal all processes that are found, and kill the ones that outlive the grace. Return when none is left."""
    pids = find()
    _signal(pids, first)
    deadline = time.monotonic() + grace_seconds
    while pids:
        if time.monotonic() >= deadline:
            _signal(pids, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
        pids = find()


def end_run(records: Path, *, mark: str) -> None:
    """End every child of a run, recorded or marked, and remove the run's records."""
    for record in _read_records(records):
        process = process_table.find(record.pid)
        if process and process.started_ticks == record.started_ticks and record.boot_id == process_table.boot_id():
            members = functools.partial(list_members, record.pid)
            end(members, first=signal.Signals(record.end_signal), grace_seconds=LEFTOVER_GRACE_SECONDS)
    end(lambda: list_marked(mark), first=signal.SIGKILL, grace_seconds=0)
    shutil.rmtree(records, ignore_errors=True)


def _read_records(records: Path) -> Iterator[Record]:
    """Yield the records that can be read. The child of a damaged record is found by its mark."""
    for path in sorted(records.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            yield Record(**json.loads(path.read_text()))


def _carries(pid: int, mark: str) -> bool:
    return (process_table.read_mark(pid, variable=MARK) or "").startswith(mark)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
