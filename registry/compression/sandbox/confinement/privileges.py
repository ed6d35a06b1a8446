"""Ties a process to its parent, and takes its rights away: capabilities, new rights from an exec, and its place in a memory shortage.

Numbers: ``linux/prctl.h``, ``linux/capability.h``. See prctl(2) and capset(2).
"""

import ctypes
import os
import signal
import struct
from pathlib import Path

from registry.compression.sandbox.confinement import CannotConfine

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION = 0x20080522
_CAPABILITIES = range(64)
_WORST_SCORE = "1000"

_libc = ctypes.CDLL(None, use_errno=True)


class ParentIsGone(Exception):
    """The process that wanted the answer died before the child was ready."""


def die_with_parent(parent_pid: int | None = None) -> None:
    """Let the kernel kill this process when its parent ends.

    Raises:
        ParentIsGone: The parent is not ``parent_pid`` any more. None leaves the check out.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if parent_pid is not None and os.getppid() != parent_pid:
        raise ParentIsGone


def hide_memory() -> None:
    """Close this process's memory and open files to other processes of its user (``PR_SET_DUMPABLE``)."""
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def be_first_to_die() -> None:
    """Tell the kernel to kill this process before all others when memory is short (proc(5), ``oom_score_adj``)."""
    # A process that changed its rights may not write its own files of /proc otherwise.
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        Path("/proc/self/oom_score_adj").write_text(_WORST_SCORE, encoding="ascii")
    except OSError:
        # A host without this file has no order of processes that we could change.
        return


def give_up() -> None:
    """Give up all capabilities, for good, and every way to get new ones.

    Raises:
        CannotConfine: The kernel refuses.
    """
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise CannotConfine
    # An ordinary user may not change this set, and has nothing of it.
    for number in _CAPABILITIES:
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)
    # struct __user_cap_header_struct and two of struct __user_cap_data_struct (effective, permitted, inheritable).
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION, 0), 8)
    if _libc.capset(header, ctypes.create_string_buffer(24)) != 0:
        raise CannotConfine
