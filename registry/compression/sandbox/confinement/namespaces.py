"""Moves a process out of the sight of all others: namespaces of its own for processes, network, messages, mounts and users.

Numbers: ``linux/sched.h``, ``linux/mount.h``. See namespaces(7), pid_namespaces(7) and user_namespaces(7).
"""

import ctypes
import os
from typing import Final

_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
_PR_SET_DUMPABLE = 4
# The user "nobody". A process without the id 0 gets no rights from an exec.
_ID_INSIDE: Final = 65534
# The first set that the platform allows. An ordinary user needs NEWUSER for all others; root goes without it where it is forbidden.
_WANTED: Final = (
    _NEWUSER | _NEWPID | _NEWNET | _NEWIPC | _NEWNS,
    _NEWPID | _NEWNET | _NEWIPC | _NEWNS,
    _NEWUSER | _NEWPID | _NEWNET,
    _NEWUSER | _NEWNET,
)

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> bool:
    """Enter new namespaces, and say whether the next child of this process is the first process of a namespace of its own.

    Where the platform forbids all of them, nothing changes.
    """
    user, group = os.getuid(), os.getgid()
    entered = next((flags for flags in _WANTED if _libc.unshare(flags) == 0), 0)
    if entered & _NEWUSER:
        _name_ids(user, group)
    return bool(entered & _NEWPID)


def show_own_processes() -> bool:
    """Put a ``/proc`` of this namespace over that of the host; False where the platform forbids it.

    Call it as the first process of a namespace, with a mount namespace of its own.
    """
    # Else the mount would appear on the host too, where root did without a user namespace.
    if _libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        return False
    return bool(_libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None) == 0)


def _name_ids(user: int, group: int) -> None:
    """Give this user and group a name inside. Files of a new ``/proc`` cannot be written by a user that it cannot name."""
    # A process that took new rights may not write its own files of /proc otherwise.
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{_ID_INSIDE} {user} 1"),
        ("gid_map", f"{_ID_INSIDE} {group} 1"),
    ):
        try:
            with open(f"/proc/self/{name}", "w", encoding="ascii") as stream:  # noqa: PTH123 - as the kernel documents it
                stream.write(content)
        except OSError:
            return
