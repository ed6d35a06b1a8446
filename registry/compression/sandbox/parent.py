"""Runs one named task in a child process and turns every way it can end into an answer or a named error.

1. a job folder of its own in the scratch directory, with ``request.json`` in it
2. ``python -m registry.compression.sandbox.child`` in a session of its own, minimal environment, stderr to a file; it shuts
   itself in (``confinement``, ``seccomp``, ``landlock``) before it opens an uploaded file
3. wait; on wall time-out the whole process group is killed
4. ``response.json`` where the child got that far; else the exit status says what ended it

``subprocess`` and not ``multiprocessing``: Celery's workers are daemonic and may not have the latter's children, and a
forked child would inherit the worker's secrets and connections. The thread that calls ``run`` must live as long as the
call: the parent-death signal fires when that *thread* ends.
"""

import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import msgspec

from core.errors import DomainError, Kind
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import MEBIBYTE, Limits
from registry.compression.sandbox.protocol import (
    MEMORY_SIGNS,
    PROJECT_ROOT,
    REQUEST,
    RESPONSE,
    STDERR,
    Answer,
    Ending,
    Order,
    Outcome,
    Task,
)

logger = logging.getLogger(__name__)

_MAX_RESPONSE_BYTES = 64 * MEBIBYTE


class SandboxKilled(DomainError):
    """The task crossed a limit or crashed; ``reason`` in ``extra`` names which.

    ``reason`` is one of ``out_of_memory``, ``cpu_time``, ``wall_time``, ``file_size``, ``crashed``.
    """

    code: ClassVar[str] = "sandbox_killed"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


class SandboxUnavailable(DomainError):
    """The host could not run the task (disk full, no process, killed from outside): try again later."""

    code: ClassVar[str] = "sandbox_unavailable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE


class TaskFailed(DomainError):
    """The task itself broke on this model: an internal error of ours or of a tool, logged with its traceback."""

    code: ClassVar[str] = "task_failed"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE


def run(
    task: Task[Answer], request: msgspec.Struct, *, reads: Iterable[Path], scratch: Path, limits: Limits
) -> tuple[Answer, Path]:
    """Run ``task`` and return its answer and the job folder that holds the files it made.

    ``reads`` are the files that the task may open beside installed ones. The folder stays; the caller removes ``scratch``.

    Raises:
        ModelRefused: One of our rules refused the file.
        SandboxKilled: A limit was crossed, or the process crashed.
        SandboxUnavailable: The host is in trouble; nothing is known about the model.
        TaskFailed: The task ended with an error of its own.
    """
    try:
        job = Path(tempfile.mkdtemp(prefix=f"{task.name}-", dir=scratch.resolve()))
        (job / "tmp").mkdir()
        _write_request(job, task=task, request=request, reads=reads, limits=limits)
        kills_before = _count_kernel_memory_kills()
        status, timed_out = _run_child(job, wall_seconds=limits.wall_seconds)
    except OSError as error:
        message = f"The sandbox could not be started: {os.strerror(error.errno or 0)}."
        raise SandboxUnavailable(message) from error
    if timed_out:
        raise SandboxKilled(f"It took longer than {limits.wall_seconds:g} seconds.", reason="wall_time")
    if status == 0:
        return _read_answer(job, task=task, limits=limits), job
    _log_stderr(job, task=task.name, status=status)
    raise _explain_death(job, status=status, limits=limits, kernel_killed=_count_kernel_memory_kills() > kills_before)


def take_file(job: Path, name: str) -> Path:
    """Return the path of a plain file that a task left in its job folder.

    Raises:
        TaskFailed: It is not there, or it is a link or something else than a file: a child is not believed.
    """
    path = job / Path(name).name
    if path.is_symlink() or not path.is_file():
        message = "The task did not leave the file that it promised."
        raise TaskFailed(message)
    return path


def _write_request(
    job: Path, *, task: Task[Answer], request: msgspec.Struct, reads: Iterable[Path], limits: Limits
) -> None:
    order = Order(
        module=task.module,
        parent_pid=os.getpid(),
        limits=limits,
        reads=[str(path) for path in reads],
        request=msgspec.Raw(msgspec.json.encode(request)),
    )
    (job / REQUEST).write_bytes(msgspec.json.encode(order))


def _run_child(job: Path, *, wall_seconds: float) -> tuple[int, bool]:
    command = [sys.executable, "-P", "-X", "utf8", "-m", "registry.compression.sandbox.child", str(job)]
    with (job / STDERR).open("wb") as stderr:
        child = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command,
            cwd=job,
            env=_environment(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        timed_out = not _ends_within(child.pid, seconds=wall_seconds)
    finally:
        # Before the leader is reaped: afterward another process group may have its id.
        os.killpg(child.pid, signal.SIGKILL)
        status = child.wait()
    return status, timed_out


def _ends_within(pid: int, *, seconds: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _environment(job: Path) -> dict[str, str]:
    """Return the whole environment of the child; the parent's own has secrets."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(job / "tmp"),
        "TMPDIR": str(job / "tmp"),
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        # glibc gives every thread an arena of 64 MB of address space, which RLIMIT_AS counts.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _read_answer(job: Path, *, task: Task[Answer], limits: Limits) -> Answer:
    path = take_file(job, RESPONSE)
    if path.stat().st_size > _MAX_RESPONSE_BYTES:
        message = "The task's answer is too large."
        raise TaskFailed(message)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Outcome)
        if found.ending is Ending.DONE:
            return msgspec.json.decode(found.result, type=task.answer)
    except (msgspec.DecodeError, RecursionError) as error:
        message = "The task's answer cannot be read."
        raise TaskFailed(message) from error
    _log_stderr(job, task=task.name, status=0)
    raise _explain_outcome(found, limits=limits)


def _explain_outcome(found: Outcome, *, limits: Limits) -> DomainError:
    """Return the error for an answer that says why the task did not end well."""
    match found.ending:
        case Ending.REFUSED:
            return ModelRefused(found.detail, reason=found.reason)
        case Ending.OUT_OF_MEMORY:
            return _out_of_memory(limits)
        case Ending.FILE_SIZE:
            return _file_too_large(limits)
        case Ending.UNAVAILABLE:
            return SandboxUnavailable(found.detail)
        case _:
            return TaskFailed(found.detail or "The task ended without saying why.")


def _explain_death(job: Path, *, status: int, limits: Limits, kernel_killed: bool) -> DomainError:
    """Return the error for a child that left no answer, from its exit status."""
    if _ran_out_of_memory(job) or (status == -signal.SIGKILL and kernel_killed):
        return _out_of_memory(limits)
    match -status:
        case signal.SIGXCPU:
            allowed = (
                f"{limits.intake_cpu_seconds} s for checking it, as much for one inference, and more by size; "
                f"{limits.cpu_seconds} s for a recipe"
            )
            return SandboxKilled(f"It used more processor time than allowed ({allowed}).", reason="cpu_time")
        case signal.SIGXFSZ:
            return _file_too_large(limits)
        case signal.SIGKILL:
            return SandboxUnavailable("The sandbox was killed from outside.")
        case number if number > 0:
            name = signal.Signals(number).name
            return SandboxKilled(f"The process that read it crashed ({name}).", reason="crashed")
        case _:
            return TaskFailed(f"The sandbox ended with status {status} and no answer.")


def _out_of_memory(limits: Limits) -> SandboxKilled:
    return SandboxKilled(f"It needs more than {limits.memory_bytes // MEBIBYTE} MiB of memory.", reason="out_of_memory")


def _file_too_large(limits: Limits) -> SandboxKilled:
    return SandboxKilled(f"It wrote a file of more than {limits.file_bytes} bytes.", reason="file_size")


def _ran_out_of_memory(job: Path) -> bool:
    tail = _stderr_tail(job)
    return any(sign in tail for sign in MEMORY_SIGNS)


def _stderr_tail(job: Path) -> str:
    with (job / STDERR).open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 8192))
        return stream.read().decode("utf-8", "replace")


def _log_stderr(job: Path, *, task: str, status: int) -> None:
    tail = _stderr_tail(job)
    if tail.strip():
        logger.warning("sandboxed task %s ended with status %s: %s", task, status, tail)


def _count_kernel_memory_kills() -> int:
    """Return how many processes the kernel has killed for memory since boot (0 where it does not say)."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
