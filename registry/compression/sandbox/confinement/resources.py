"""Limits the memory, processor time, file sizes and open files of the running process (setrlimit(2))."""

import resource
from typing import Final

from registry.compression.sandbox.confinement import CannotConfine

# Between the soft limit (SIGXCPU, which names the cause) and the hard one (SIGKILL).
_CPU_GRACE_SECONDS: Final = 5
# For the import of tools, which takes long on small machines, and says nothing about the model.
_START_SECONDS: Final = 10


def limit(*, memory_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int) -> None:
    """Set the limits for good. Processor time gets some more for the start, until ``limit_cpu_in_all`` takes it away.

    Raises:
        CannotConfine: The kernel refuses a limit.
    """
    try:
        for name, soft, hard in (
            (resource.RLIMIT_AS, memory_bytes, memory_bytes),
            (resource.RLIMIT_CPU, cpu_seconds + _START_SECONDS, get_last_cpu_second(cpu_seconds)),
            (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
            (resource.RLIMIT_NOFILE, open_files, open_files),
            (resource.RLIMIT_CORE, 0, 0),
        ):
            _, allowed = resource.getrlimit(name)
            if allowed != resource.RLIM_INFINITY:
                soft, hard = min(soft, allowed), min(hard, allowed)  # noqa: PLW2901 - an unprivileged process cannot raise it
            resource.setrlimit(name, (soft, hard))
    except (OSError, ValueError) as error:
        raise CannotConfine from error


class _Whole:
    """The second of processor time at which the whole task ends; None before the task starts."""

    last_second: int | None = None


def get_last_cpu_second(cpu_seconds: int) -> int:
    """Return the second of processor time at which the kernel kills (SIGKILL) a process with this limit."""
    return cpu_seconds + _START_SECONDS + _CPU_GRACE_SECONDS


def limit_cpu_in_all(seconds: int) -> None:
    """Give the whole task ``seconds`` more than this process has used for its start; crossing it kills with SIGXCPU."""
    _Whole.last_second = max(1, int(_count_used_seconds() + seconds))
    _limit_cpu(_Whole.last_second)


def limit_cpu_from_now(seconds: int) -> None:
    """Give the next step ``seconds`` more than this process has used, or what is left of the whole; crossing it kills with SIGXCPU."""
    soft = int(_count_used_seconds()) + seconds + 1
    _limit_cpu(soft if _Whole.last_second is None else min(soft, _Whole.last_second))


def count_cpu_seconds_left() -> float:
    """Return how much processor time the running step has left."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return float("inf") if soft == resource.RLIM_INFINITY else max(0.0, soft - _count_used_seconds())


def _count_used_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _limit_cpu(soft: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
