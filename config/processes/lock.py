"""Locks a home for one process: two PostgreSQL servers or two Redis servers on one folder would destroy its data."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from config import home as homes
from core.errors import DomainError, Kind


class Purpose(StrEnum):
    """Why a process holds a home: a server holds it for long, a command for a moment."""

    SERVER = "server"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a home, and whether others may use its engines yet."""

    pid: int
    purpose: Purpose
    is_ready: bool = False


class HomeInUse(DomainError):
    """Another process runs on this home."""

    code = "home_in_use"
    kind = Kind.CONFLICT

    def __init__(self, home: Path, *, holder: Holder | None) -> None:
        self.holder = holder
        by = f"process {holder.pid} ({holder.purpose})" if holder else "another process"
        super().__init__(f"{home} is in use by {by}; stop it, or choose another folder with MODELFLEET_HOME")


@contextmanager
def hold(home: Path, *, purpose: Purpose) -> Iterator[Callable[[], None]]:
    """Hold the home until the block ends. Yields a function that announces that the engines are ready.

    The kernel releases the lock when this process ends, even by a kill. Whoever holds the home closes it to other users.

    Raises:
        HomeInUse: when another process holds it.
        HomeIsShared: when all users share the folder.
    """
    homes.make(home)
    # The descriptor is not inherited (PEP 446): a child that outlives this process would keep the lock.
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeInUse(home, holder=read_holder(home)) from error
        homes.close(home)
        _write(descriptor, Holder(os.getpid(), purpose))
        yield lambda: _write(descriptor, Holder(os.getpid(), purpose, is_ready=True))
    finally:
        os.close(descriptor)


def read_holder(home: Path) -> Holder | None:
    """Return the last holder, for a message. The lock itself may be free again."""
    try:
        record = json.loads((home / "lock").read_text())
        return Holder(pid=int(record["pid"]), purpose=Purpose(record["purpose"]), is_ready=bool(record["is_ready"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
