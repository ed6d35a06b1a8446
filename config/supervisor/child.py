"""Describes one child, and holds two rules that need no process: how long to wait for a restart, how to name an end."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
# A child that ran for this long had started well: its next end is counted as the first one again.
SETTLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Child:
    """One program of the server.

    Attributes:
        name: Shown before each line that the child writes.
        command: Program and arguments.
        needs: Names of the children that must be ready before this one is started.
        is_ready: Called until it returns True, at most two seconds each time. None: ready as soon as it is started.
        prepare: Called before every start; may raise a DomainError.
        runs_once: The program has to end with exit code 0. The child is then ready, and is not started again.
        environment: Variables that are added to the supervisor's own.
        directory: The working directory; None is the supervisor's own.
        stop_rank: All children of one rank are stopped together, lower ranks before higher ones.
        stop_seconds: The grace between the stop signal and the kill. The graces of all ranks add up to ten seconds.
        stop_signal: Asks the child for an orderly end.
        end_signal: Ends the child when nobody waits for it: the supervisor has died, or has been told twice to stop.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    is_ready: Callable[[], bool] | None = None
    prepare: Callable[[], None] | None = None
    runs_once: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    stop_rank: int = 0
    stop_seconds: float = 2.0
    stop_signal: signal.Signals = signal.SIGTERM
    end_signal: signal.Signals = signal.SIGKILL

    def with_environment(self, environment: Mapping[str, str], *, directory: Path) -> "Child":
        """Return the same child in this working directory and with these variables too; the child's own ones win."""
        return replace(self, environment={**environment, **self.environment}, directory=directory)


def choose_delay_seconds(failures: int) -> float:
    """Return how long to wait before the next start, after this many failures in a row."""
    doublings = min(max(failures - 1, 0), 10)
    return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * float(2**doublings))


def describe_end(exit_code: int) -> str:
    """Say how a process ended. A negative exit code is a signal's number, as in `subprocess`."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
