"""Limits the memory, processor time, file sizes and open files of the running process (setrlimit(2))."""

import resource

from registry.compression.sandbox.confinement import CannotConfine

# Between the soft limit (SIGXCPU, which names the cause) and the hard one (SIGKILL).
_CPU_GRACE_SECONDS = 5


def limit(*, memory_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int) -> None:
    """Set the limits for good.

    Raises:
        CannotConfine: The kernel refuses a limit.
    """
    try:
        for name, soft, hard in (
            (resource.RLIMIT_AS, memory_bytes, memory_bytes),
            (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _CPU_GRACE_SECONDS),
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


def limit_cpu_from_now(seconds: int) -> None:
    """Lower the soft CPU limit to ``seconds`` more than this process has used; crossing it kills with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
