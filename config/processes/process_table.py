"""Reads the kernel's table of processes: which are alive, since when, in which session, with which mark."""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One live process. `started_ticks`, counted since boot, tells it from a later process with the same pid."""

    pid: int
    group: int
    session: int
    started_ticks: int


@functools.cache
def boot_id() -> str:
    """Return the id of this boot: pids and ticks start again with every boot."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def find(pid: int) -> Process | None:
    """Return the live process with this pid. A zombie has ended and does not count."""
    try:
        line = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): the name in parentheses may hold spaces and parentheses itself, so read from the last one.
    fields = line[line.rindex(")") + 2 :].split()
    if fields[0] in {"Z", "X"}:
        return None
    return Process(pid=pid, group=int(fields[2]), session=int(fields[3]), started_ticks=int(fields[19]))


def list_all() -> Iterator[Process]:
    """Yield every live process of the machine that the kernel shows us."""
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (process := find(int(entry.name))):
            yield process


def read_name(pid: int) -> str | None:
    """Return the short name of the program that the process runs."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return None


def read_mark(pid: int, *, variable: str) -> str | None:
    """Return the variable's value in the environment that the process was started with; None if it cannot be read."""
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    prefix = f"{variable}=".encode()
    for entry in environment.split(b"\0"):
        if entry.startswith(prefix):
            return entry.removeprefix(prefix).decode(errors="replace")
    return None


def list_ancestors() -> set[int]:
    """Return the pids of this process and of all its ancestors."""
    pids, pid = set[int](), os.getpid()
    while pid > 1:
        pids.add(pid)
        line = (PROC / str(pid) / "stat").read_text()
        pid = int(line[line.rindex(")") + 2 :].split()[1])
    return pids


def read_blocked_signals(pid: int) -> set[int]:
    """Return the signals that the process's main thread blocks (proc(5), SigBlk)."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return set()
    mask = int(next(line for line in lines if line.startswith("SigBlk:")).split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}
