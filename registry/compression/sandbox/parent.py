"""Runs one named task in a child process and turns every way it can end into an answer or a named error.

1. a job folder of its own in the scratch directory, with ``request.json`` in it
2. ``launcher`` in a session of its own, minimal environment, stderr to a file; it shuts a process in and starts the task there
3. wait, pass on the task's progress, and ask whether a person canceled it; on wall time-out the task is ended
4. when no process of the task is left: ``response.json`` where the child got that far; else the exit status says what ended it

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
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from registry.compression.sandbox import endings, job_files, launcher, progress, task_log
from registry.compression.sandbox.confinement import readable
from registry.compression.sandbox.endings import SandboxKilled, SandboxUnavailable, TaskCancelled, TaskFailed
from registry.compression.sandbox.job_files import take_file
from registry.compression.sandbox.limits import MEBIBYTE, Limits
from registry.compression.sandbox.protocol import PROJECT_ROOT, REQUEST, RESPONSE, Answer, Ending, Order, Outcome, Task

__all__ = ["SandboxKilled", "SandboxUnavailable", "TaskCancelled", "TaskFailed", "run", "take_file"]

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, float | None], None]
IsCancelled = Callable[[], bool]

_MAX_RESPONSE_BYTES: Final = 64 * MEBIBYTE
_TICK_SECONDS: Final = 0.25
_TICKS_PER_QUESTION: Final = 2
# Ending the processes of a namespace takes the kernel milliseconds, and longer where a process waits for a disk.
_PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class _Watch:
    """What the parent does while it waits."""

    wall_seconds: float
    on_progress: OnProgress | None
    is_cancelled: IsCancelled | None


def run(
    task: Task[Answer],
    request: msgspec.Struct,
    *,
    reads: Iterable[Path],
    scratch: Path,
    limits: Limits,
    on_progress: OnProgress | None = None,
    is_cancelled: IsCancelled | None = None,
    interpreter: Path | None = None,
) -> tuple[Answer, Path]:
    """Run ``task`` and return its answer and the job folder that holds the files it made.

    The folder stays; the caller removes ``scratch``. ``task_log.read`` gives what the task wrote to stderr, and so does ``log`` of an error.

    Args:
        task: What to run.
        request: The task's own message.
        reads: The files that the task may open beside installed ones.
        scratch: The folder for the job folder.
        limits: Limits of the task.
        on_progress: Gets each step of the task, and how much of it is done (0 to 1, or None). Called a few times a second at most.
        is_cancelled: Asked about twice a second.
        interpreter: The Python of another environment, which has msgspec; by default the one that runs here.

    Raises:
        ModelRefused: One of our rules refused the file.
        SandboxKilled: A limit was crossed, or the process crashed.
        SandboxUnavailable: The host is in trouble; nothing is known about the model.
        TaskCancelled: ``is_cancelled`` said so.
        TaskFailed: The task ended with an error of its own.
    """
    watch = _Watch(wall_seconds=limits.wall_seconds, on_progress=on_progress, is_cancelled=is_cancelled)
    try:
        job = Path(tempfile.mkdtemp(prefix=f"{task.name}-", dir=scratch.resolve()))
        (job / "tmp").mkdir()
        order = _make_order(task, request, reads=reads, limits=limits, interpreter=interpreter or Path(sys.executable))
        (job / REQUEST).write_bytes(msgspec.json.encode(order))
        kills_before = _count_kernel_memory_kills()
        ended = _run_child(job, watch)
    except OSError as error:
        message = f"The sandbox could not be started: {os.strerror(error.errno or 0)}."
        raise SandboxUnavailable(message) from error
    try:
        return _judge(ended, job, task=task, limits=limits, kills_before=kills_before), job
    except (SandboxKilled, SandboxUnavailable, TaskFailed) as error:
        error.log = task_log.read(job)
        raise


def _judge(
    ended: tuple[int, float] | None, job: Path, *, task: Task[Answer], limits: Limits, kills_before: int
) -> Answer:
    if ended is None:
        raise endings.explain_wall_time(limits)
    status, cpu_seconds = ended
    if status == 0:
        return _read_answer(job, task=task, limits=limits)
    _log_stderr(job, task=task.name, status=status)
    death = endings.Death(
        status=status,
        cpu_seconds=cpu_seconds,
        errors=task_log.read_tail(job),
        is_memory_short=_count_kernel_memory_kills() > kills_before,
    )
    raise endings.explain_death(death, limits=limits)


def _make_order(
    task: Task[Answer], request: msgspec.Struct, *, reads: Iterable[Path], limits: Limits, interpreter: Path
) -> Order:
    return Order(
        module=task.module,
        parent_pid=os.getpid(),
        interpreter=str(interpreter),
        installed=[str(path) for path in readable.list_installed(interpreter)],
        starts_processes=task.starts_processes,
        limits=limits,
        reads=[str(path) for path in reads],
        request=msgspec.Raw(msgspec.json.encode(request)),
    )


def _run_child(job: Path, watch: _Watch) -> tuple[int, float] | None:
    """Return the exit status of the task's process (negative: its signal) and its processor time; None at the wall time."""
    with _pipe() as (reports, progress_end), _pipe() as (statuses, status_end):
        child = _start(job, status=status_end, progress_end=progress_end)
        try:
            is_in_time = _wait(child.pid, watch, reports=progress.Reader(reports))
        finally:
            _end(child)
        os.set_blocking(statuses, False)
        try:
            told = os.read(statuses, launcher.STATUS.size)
        except BlockingIOError:
            told = b""
    if not is_in_time:
        return None
    if child.returncode != 0 or len(told) < launcher.STATUS.size:
        # The launcher or the first process of the namespace died: the task itself cannot reach them.
        return -signal.SIGKILL, 0.0
    wait_status, cpu_seconds = launcher.STATUS.unpack(told)
    return os.waitstatus_to_exitcode(wait_status), cpu_seconds


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def _start(job: Path, *, status: int, progress_end: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-S", "-s", "-X", "utf8", "-m", launcher.__name__]
    with task_log.place(job).open("xb") as stderr:
        return subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            [*command, str(job), str(status), str(progress_end)],
            cwd=job,
            env=_environment(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            pass_fds=(status, progress_end),
        )


def _wait(pid: int, watch: _Watch, *, reports: progress.Reader) -> bool:
    """Wait until the launcher ends, which is when the task's namespace is empty; False at the wall time.

    Raises:
        TaskCancelled: A person canceled the task.
    """
    ends_at = time.monotonic() + watch.wall_seconds
    ticks = 0
    while not _ends_within(pid, seconds=min(_TICK_SECONDS, max(0.0, ends_at - time.monotonic()))):
        _pass_on(reports, watch)
        ticks += 1
        if watch.is_cancelled and ticks % _TICKS_PER_QUESTION == 0 and watch.is_cancelled():
            raise TaskCancelled
        if time.monotonic() >= ends_at:
            return False
    _pass_on(reports, watch)
    return True


def _pass_on(reports: progress.Reader, watch: _Watch) -> None:
    for report in reports.read():
        if watch.on_progress:
            watch.on_progress(report.step, report.done)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the launcher and all that it started, and wait for it."""
    os.kill(child.pid, signal.SIGTERM)
    if not _ends_within(child.pid, seconds=_PATIENCE_SECONDS):
        logger.error("the processes of sandbox %s do not end", child.pid)
    # Before the leader is reaped: afterward another process group may have its id.
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


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
        # For the launcher alone.
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        # glibc gives every thread an arena of 64 MB of address space, which RLIMIT_AS counts.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _read_answer(job: Path, *, task: Task[Answer], limits: Limits) -> Answer:
    body = job_files.read_file(job, RESPONSE, max_bytes=_MAX_RESPONSE_BYTES)
    try:
        found = msgspec.json.decode(body, type=Outcome)
        if found.ending is Ending.DONE:
            return msgspec.json.decode(found.result, type=task.answer)
    except (msgspec.DecodeError, RecursionError) as error:
        message = "The task's answer cannot be read."
        raise TaskFailed(message) from error
    _log_stderr(job, task=task.name, status=0)
    raise endings.explain_outcome(found, limits=limits)


def _log_stderr(job: Path, *, task: str, status: int) -> None:
    tail = task_log.read_tail(job)
    if tail.strip():
        logger.warning("sandboxed task %s ended with status %s: %s", task, status, tail)


def _count_kernel_memory_kills() -> int:
    """Return how many processes the kernel has killed for memory since boot (0 where it does not say)."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
