"""Confines the running process before it opens an uploaded file.

Done by the child to itself, after its last exec: the kernel forgets a parent-death signal when credentials change, and a
``preexec_fn`` is unsafe in a parent with threads. Linux only; a step that the platform lacks is left out.

1. own user and network namespace (no network, no privileges over files of others)
2. no new privileges
3. die with the parent (``PR_SET_PDEATHSIG``, and a check for a parent that died before)
4. resource limits
"""

import ctypes
import os
import resource
import signal

from registry.compression.sandbox.limits import Limits

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

# Between the soft limit (SIGXCPU, which names the cause) and the hard one (SIGKILL).
_CPU_GRACE_SECONDS = 5

_libc = ctypes.CDLL(None, use_errno=True)


class ParentIsGone(Exception):
    """The process that wanted the answer died before the child was ready."""


class CannotConfine(Exception):
    """A limit could not be set. Without the limit no uploaded file is opened."""


def confine(limits: Limits, *, parent_pid: int) -> bool:
    """Confine this process for good and say whether it is cut off from the network.

    Raises:
        ParentIsGone: The parent is not ``parent_pid`` any more.
        CannotConfine: A resource limit could not be set.
    """
    has_own_network = bool(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # A new user namespace hides /proc/self from its own process, where peak memory is read.
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent_pid:
        raise ParentIsGone
    try:
        _limit_resources(limits)
    except (OSError, ValueError) as error:
        raise CannotConfine from error
    return has_own_network


def limit_cpu_from_now(seconds: int) -> None:
    """Lower the soft CPU limit to ``seconds`` more than this process has used; crossing it kills with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _limit_resources(limits: Limits) -> None:
    memory, cpu = limits.memory_bytes, limits.cpu_seconds
    for name, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, cpu, cpu + _CPU_GRACE_SECONDS),
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, allowed = resource.getrlimit(name)
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)  # noqa: PLW2901 - an unprivileged process cannot raise it
        resource.setrlimit(name, (soft, hard))
