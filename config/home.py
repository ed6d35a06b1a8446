"""Keeps the home for this user alone: mode 0700 under any umask, and also where an earlier release made it."""

import contextlib
import os
import pwd
import stat
from pathlib import Path

from core.errors import DomainError, Kind

# Files that a process of the server makes are for this user alone.
UMASK = 0o077
_PASS_THROUGH = stat.S_IXGRP


class HomeIsShared(DomainError):
    """The home is a folder that all users of the machine share, such as /tmp."""

    code = "home_is_shared"
    kind = Kind.UNAVAILABLE


def make(home: Path) -> None:
    """Make the home if it is missing, and close it to other users. A home of another user stays as it is.

    Raises:
        HomeIsShared: when all users share the folder: closing it would harm them.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
    status = home.stat()
    if status.st_mode & stat.S_ISVTX:
        raise HomeIsShared(f"all users share {home}; set MODELFLEET_HOME to a folder of its own")
    if status.st_uid == os.getuid() and not _is_closed(status):
        home.chmod(0o700)


def close(home: Path) -> None:
    """Close every file and folder at the top of the home, and the secrets, where an earlier release left them open."""
    for path in (*home.iterdir(), *(home / "keys").glob("*")):
        with contextlib.suppress(FileNotFoundError):  # a process of another command may remove a file meanwhile
            status = path.lstat()
            if status.st_uid == os.getuid() and not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o077:
                path.chmod(stat.S_IMODE(status.st_mode) & 0o700)


def let_pass(home: Path, *, group: int) -> None:
    """Let the members of a group go through the home to their own folder in it. They cannot list the home."""
    os.chown(home, -1, group)
    home.chmod(0o700 | _PASS_THROUGH)


def _is_closed(status: os.stat_result) -> bool:
    mode = stat.S_IMODE(status.st_mode)
    return mode == 0o700 or (mode == 0o700 | _PASS_THROUGH and status.st_uid == 0 and _is_of_nobody(status.st_gid))


def _is_of_nobody(group: int) -> bool:
    """Return whether PostgreSQL runs with this group where root has no user namespaces (`engines.account`)."""
    return any(entry.pw_gid == group for entry in pwd.getpwall() if entry.pw_name == "nobody")
