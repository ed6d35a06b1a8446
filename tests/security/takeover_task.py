"""A task that native code has taken over: it steals the signing key, reaches the engines, kills, outlives its parent, and swaps its file.

Some attempts are made while the module is imported, and some by a thread that was started then: a tool's code runs at both times,
and Landlock holds for no thread that is older than it.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from registry.compression.sandbox.limits import Limits

GENUINE = b"a model"
FILENAME = "model.onnx"
OUTLIVES_SECONDS = 8
RT_SIGQUEUEINFO = {"x86_64": 129, "aarch64": 138}[platform.machine()]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to attack: the signing key, the engines' sockets and ports, and a process of the same user."""

    key: str
    sockets: list[str]
    ports: list[int]
    victim: int
    # By which link the task replaces its file before it ends: "symlink", "link", or "" for none.
    swap: str = ""
    outlives: bool = True
    # Links put in the place of the task's log, and a death without an answer.
    swaps_log: bool = False


def attempt(act: Callable[[], object]) -> str:
    """Return the name of the error that an act ended in, or ``worked``."""
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "worked"


def read_key(key: str) -> Callable[[], object]:
    return lambda: Path(key).read_bytes()


class EarlyThread(threading.Thread):
    """Starts with the import, and reads the key when the task runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.key, self.found, self.may_read = "", "", threading.Event()

    def run(self) -> None:
        self.may_read.wait()
        self.found = attempt(read_key(self.key))


EARLY: dict[str, str] = {}
# The working directory of a sandboxed task is its job folder; the tests import this module, too.
if Path("request.json").exists():
    key_of_this_order = json.loads(Path("request.json").read_bytes())["request"]["key"]
    EARLY["read while importing"] = attempt(read_key(key_of_this_order))
    THREAD = EarlyThread()
    THREAD.start()


def run(request: Request, *, job: Path, limits: Limits) -> dict[str, Any]:
    """Make every attempt, leave a file, and report how each attempt ended."""
    (job / FILENAME).write_bytes(GENUINE)
    attempts: dict[str, Callable[[], object]] = {
        "read": read_key(request.key),
        "read by a link": lambda: _read_by_link(request.key, job=job),
        "kill": lambda: os.kill(request.victim, signal.SIGKILL),
        "kill by a queue": lambda: _kill_by_queue(request.victim),
        "kill by a file": lambda: _kill_by_file(request.victim),
        "environment of its parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "memory of its parent": lambda: Path(f"/proc/{os.getppid()}/mem").open("rb").close(),
        "status of the victim": lambda: Path(f"/proc/{request.victim}/status").read_bytes(),
        **({"outlive": lambda: _outlive(request, job=job)} if request.outlives else {}),
        **{f"connect {path}": lambda path=path: _connect(socket.AF_UNIX, path) for path in request.sockets},
        **{
            f"connect {port}": lambda port=port: _connect(socket.AF_INET, ("127.0.0.1", port)) for port in request.ports
        },
    }
    found = {**EARLY, **{name: attempt(act) for name, act in attempts.items()}}
    THREAD.key = request.key
    THREAD.may_read.set()
    THREAD.join()
    found["read by an early thread"] = THREAD.found
    found["processes seen"] = str(sum(name.isdigit() for name in _list("/proc")))
    found["capabilities"] = _status("CapEff")
    found["bounding"] = _status("CapBnd")
    found["score"] = Path("/proc/self/oom_score_adj").read_text().strip()
    if request.swap:
        found["swap"] = attempt(lambda: _swap(job / FILENAME, by=request.swap, key=request.key))
    if request.swaps_log:
        for place in (job / "stderr.txt", job.with_name(f"{job.name}.log")):
            attempt(lambda place=place: _swap(place, by="symlink", key=request.key))
        os._exit(3)
    return found


def _list(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return []


def _status(field: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


def _read_by_link(key: str, *, job: Path) -> None:
    _swap(job / "another", by="symlink", key=key)
    (job / "another").read_bytes()


def _connect(family: int, address: object) -> None:
    with socket.socket(family) as connection:
        connection.settimeout(2)
        connection.connect(address)


def _kill_by_file(victim: int) -> None:
    """Let the kernel send SIGKILL to the victim when a pipe can be read (fcntl(2), F_SETOWN, F_SETSIG, O_ASYNC)."""
    import fcntl

    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, victim)
    fcntl.fcntl(reader, 10, signal.SIGKILL)
    fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_ASYNC)
    os.write(writer, b"x")


def _kill_by_queue(victim: int) -> None:
    # siginfo_t: int si_signo, si_errno, si_code (SI_QUEUE), and more
    information = ctypes.create_string_buffer(struct.pack("=iii", signal.SIGKILL, 0, -1), 128)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(RT_SIGQUEUEINFO), victim, signal.SIGKILL, information) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _outlive(request: Request, *, job: Path) -> None:
    """Leave the parent and its session, wait until the task has answered, and then swap its file."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    ends_at = time.monotonic() + OUTLIVES_SECONDS
    while time.monotonic() < ends_at:
        (job / "alive").write_text(str(time.monotonic()))
        if (job / "response.json").exists():
            _swap(job / FILENAME, by="symlink", key=request.key)
        time.sleep(0.02)
    os._exit(0)


def _swap(path: Path, *, by: str, key: str) -> None:
    spare = path.with_name("spare")
    spare.unlink(missing_ok=True)
    if by == "symlink":
        spare.symlink_to(key)
    else:
        spare.hardlink_to(key)
    spare.rename(path)
