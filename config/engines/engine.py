"""One engine, described once for everybody who runs it: the supervisor, a command, a test."""

import signal
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """How to start an engine of one home, ask it, and stop it.

    Attributes:
        name: Shown before the lines of its log; names the log file of a command.
        prepare: Called before every start, with the home's lock held; may raise a DomainError.
        command: Program and arguments; runs in the foreground.
        is_answering: Whether a client of ours is let in; takes at most two seconds.
        stop_signal: Asks for an orderly shutdown.
        end_signal: Ends the engine without waiting for clients, and loses nothing that was committed.
    """

    name: str
    prepare: Callable[[], None]
    command: tuple[str, ...]
    is_answering: Callable[[], bool]
    stop_signal: signal.Signals
    end_signal: signal.Signals
