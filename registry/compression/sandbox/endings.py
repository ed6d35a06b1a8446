"""How a task can end, other than with a result: errors that people read, made from an answer or from an exit status."""

import signal
from dataclasses import dataclass
from typing import ClassVar

from core.errors import DomainError, Kind
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.confinement import resources
from registry.compression.sandbox.limits import MEBIBYTE, Limits
from registry.compression.sandbox.protocol import MEMORY_SIGNS, Ending, Outcome


class HasLog:
    """An error with what the task wrote to stderr, cut and cleaned for people (``task_log``)."""

    log: str = ""


class SandboxKilled(HasLog, DomainError):
    """The task crossed a limit or crashed; ``reason`` in ``extra`` names which.

    ``reason`` is one of ``out_of_memory``, ``cpu_time``, ``wall_time``, ``file_size``, ``crashed``.
    """

    code: ClassVar[str] = "sandbox_killed"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


class SandboxUnavailable(HasLog, DomainError):
    """The host could not run the task (disk full, no process, killed from outside): try again later."""

    code: ClassVar[str] = "sandbox_unavailable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE


class TaskFailed(HasLog, DomainError):
    """The task itself broke on this model: an internal error of ours or of a tool, logged with its traceback."""

    code: ClassVar[str] = "task_failed"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE


class TaskCancelled(DomainError):
    """A person canceled the task. No process of the task is left."""

    code: ClassVar[str] = "task_cancelled"
    kind: ClassVar[Kind] = Kind.CONFLICT

    def __init__(self) -> None:
        super().__init__("The task was canceled.")


def explain_outcome(found: Outcome, *, limits: Limits) -> DomainError:
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


@dataclass(frozen=True, kw_only=True)
class Death:
    """How the process of a task ended that left no answer."""

    # As of ``subprocess``: negative is the signal.
    status: int
    cpu_seconds: float
    # The end of what it wrote to stderr.
    errors: str
    # Whether the kernel killed a process for memory meanwhile.
    is_memory_short: bool


def explain_death(death: Death, *, limits: Limits) -> DomainError:
    """Return the error for a child that left no answer."""
    was_killed = death.status == -signal.SIGKILL
    if any(sign in death.errors for sign in MEMORY_SIGNS) or (was_killed and death.is_memory_short):
        return _out_of_memory(limits)
    # Native code may put its own limit up, to the second at which the kernel kills.
    if was_killed and death.cpu_seconds >= resources.get_last_cpu_second(limits.cpu_seconds) - 1:
        return _too_slow(limits)
    return _explain_signal(death.status, limits=limits)


def _explain_signal(status: int, *, limits: Limits) -> DomainError:
    match -status:
        case signal.SIGXCPU:
            return _too_slow(limits)
        case signal.SIGXFSZ:
            return _file_too_large(limits)
        case signal.SIGKILL:
            return SandboxUnavailable("The sandbox was killed from outside.")
        case number if number > 0:
            name = signal.Signals(number).name
            return SandboxKilled(f"The process that read it crashed ({name}).", reason="crashed")
        case _:
            return TaskFailed(f"The sandbox ended with status {status} and no answer.")


def explain_wall_time(limits: Limits) -> SandboxKilled:
    """Return the error for a task that ran too long by the clock."""
    return SandboxKilled(f"It took longer than {limits.wall_seconds:g} seconds.", reason="wall_time")


def _out_of_memory(limits: Limits) -> SandboxKilled:
    return SandboxKilled(f"It needs more than {limits.memory_bytes // MEBIBYTE} MiB of memory.", reason="out_of_memory")


def _too_slow(limits: Limits) -> SandboxKilled:
    message = (
        f"It used more processor time than allowed ({limits.intake_cpu_seconds} s for checking it, as much for one inference, "
        f"and more by size; {limits.cpu_seconds} s in all)."
    )
    return SandboxKilled(message, reason="cpu_time")


def _file_too_large(limits: Limits) -> SandboxKilled:
    return SandboxKilled(f"It wrote a file of more than {limits.file_bytes} bytes.", reason="file_size")
