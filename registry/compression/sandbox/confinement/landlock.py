"""Limits the running thread to the paths that it is given, and to its own signals and sockets (Linux Landlock, kernel 5.13 on).

Without it a tool that a hostile model has taken over could still read the signing key into the file that we publish,
or write over the registry's own files. The limit holds for the calling thread and for all that it starts, and for no thread that runs
already: a process calls ``restrict`` while it has one thread, before it imports a tool.
Source of numbers and structures: ``linux/landlock.h``; the system calls have the same numbers on every architecture.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from registry.compression.sandbox.confinement import CannotConfine

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
# Bits 4 to 12: remove and make entries of every kind.
_CHANGE_DIR = sum(1 << bit for bit in range(4, 13))
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1 << 0, 1 << 1

_libc = ctypes.CDLL(None, use_errno=True)


def restrict(
    *,
    readable: Iterable[Path],
    writable: Iterable[Path],
    changeable: Iterable[Path],
    listable: Iterable[Path] = (),
    executable: Iterable[Path] = (),
) -> bool:
    """Leave only these paths and what is below them; return False where the kernel has no Landlock.

    Newer kernels also refuse TCP, and signals and abstract sockets that lead out of the process and its children.

    Args:
        readable: Files and folders to read.
        writable: Files and folders whose existing files may be written too.
        changeable: Folders in which everything may be made and removed.
        listable: Folders whose names may be read, and no file in them.
        executable: Files and folders to read, and to start programs from.

    Raises:
        CannotConfine: The kernel has Landlock and refuses: a check that cannot run is a refusal.
    """
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    if version < 1:
        return False
    optional = (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    write = _WRITE_FILE | (optional & _TRUNCATE)
    read = _READ_FILE | _READ_DIR
    change = read | write | _CHANGE_DIR | optional
    rules = [
        *((path, read) for path in readable),
        *((path, read | write) for path in writable),
        *((path, change) for path in changeable),
        *((path, _READ_DIR) for path in listable),
        *((path, read | _EXECUTE) for path in executable),
    ]
    handled = change | _EXECUTE | (_IOCTL_DEVICE if version >= 5 else 0)
    try:
        _apply(rules, attributes=_describe(version, handled=handled))
    except OSError as error:
        raise CannotConfine from error
    return True


def _describe(version: int, *, handled: int) -> bytes:
    """Return a ``struct landlock_ruleset_attr`` of the length that this version knows. No rule allows any TCP port."""
    if version < 4:
        return struct.pack("=Q", handled)
    if version < 6:
        return struct.pack("=QQ", handled, _BIND_TCP | _CONNECT_TCP)
    return struct.pack("=QQQ", handled, _BIND_TCP | _CONNECT_TCP, _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS)


def _apply(rules: Iterable[tuple[Path, int]], *, attributes: bytes) -> None:
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path, access in rules:
            _allow(ruleset, path, access=access)
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, *, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # What this user cannot reach needs no rule.
        return
    try:
        kept = access if path.is_dir() else access & _FILE_ONLY
        if not kept:
            return
        rule = struct.pack("=Qi", kept, descriptor)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
