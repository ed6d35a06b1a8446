"""What the supervisor has to know of a child, and the two rules that need no process: how long to wait, what to say."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
# A child that has lived this long was well: its next end starts a new series.
SETTLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Child:
    """One program of the server.

    Attributes:
        name: Shown before each line that it writes.
        command: Program and arguments.
        needs: Children that have to be ready before this one is started for the first time.
        is_ready: Asked until it says yes, in at most two seconds each; None where started is ready.
        prepare: Called before every start; may raise a DomainError.
        runs_once: Has to end with 0, and then is ready; is not started again.
        stop_rank: All of one rank are stopped together, lower ranks before higher ones.
        stop_seconds: The grace from the stop signal to the kill; the graces of the ranks add up to ten seconds.
        stop_signal: Asks for an orderly end.
        end_signal: Ends it where nobody can wait for it: the supervisor died, or was told twice to stop.
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
        """Return the same child, started there and with these variables too."""
        return replace(self, environment={**environment, **self.environment}, directory=directory)


def choose_delay_seconds(failures: int) -> float:
    """Return how long to wait before the next start, after this many ends in a row."""
    doublings = min(max(failures - 1, 0), 10)
    return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * float(2**doublings))


def describe_end(exit_code: int) -> str:
    """Say how a process ended, from its exit code as `subprocess` gives it (negative: the signal)."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
