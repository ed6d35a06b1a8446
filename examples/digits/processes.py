"""The child processes of the demo. Each has its own session, and none outlives the demo, however it ends."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Processes:
    """Starts processes and stops them all, the last started first."""

    def __init__(self, logs: Path) -> None:
        """Write the output of each process to a file below ``logs``."""
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._started: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path) -> Path:
        """Start one process; return the path of its log."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the demo has one thread
            )
        self._started.append((name, process))
        return log

    def check(self) -> None:
        """Exit with the end of its log if a process has ended by itself."""
        for name, process in self._started:
            if process.poll() is not None:
                tail = (self._logs / f"{name}.log").read_text(errors="replace")[-1500:]
                raise SystemExit(f"{name} ended with code {process.returncode}; its log ends:\n{tail}")

    def stop(self, *, grace_seconds: float = 15.0) -> None:
        """Ask each process to stop, the last started first; kill those that do not."""
        for _, process in reversed(self._started[1:]):
            process.send_signal(signal.SIGTERM)
        for _, process in reversed(self._started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        self._started.clear()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_for(
    question: Callable[[], Answer | None], *, what: str, seconds: float, processes: Processes, every: float = 0.5
) -> Answer:
    """Ask until there is an answer.

    Raises:
        SystemExit: There was no answer within ``seconds``, or a process ended meanwhile.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (answer := question()) is not None:
            return answer
        processes.check()
        time.sleep(every)
    raise SystemExit(f"waited {seconds:.0f} s for {what}; it did not happen")
