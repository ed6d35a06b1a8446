"""Private folders: mode 0700 and ours, or refused."""

import contextlib
import os
import pwd
import stat
from pathlib import Path

from core.errors import DomainError, Kind


class FolderNotPrivate(DomainError):
    """A folder that has to be ours alone belongs to somebody else or is no folder."""

    code = "folder_not_private"
    kind = Kind.UNAVAILABLE


def make_private(folder: Path, *, owner: int) -> None:
    """Make the folder with mode 0700, or check that it is one of ours, and give it to this owner.

    Raises:
        FolderNotPrivate: when the name is taken by another user's folder, a link or a file.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {owner, os.getuid()}:
        raise FolderNotPrivate(
            f"{folder} exists and is not a folder of user {owner}: another user may listen there; remove it."
        )
    folder.chmod(0o700)
    if status.st_uid != owner:
        os.chown(folder, owner, -1)


def is_private(folder: Path) -> bool:
    """Return whether the folder is there, closed to others, and of us or of the account that we gave it to."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    is_given = os.getuid() == 0 and status.st_uid == pwd.getpwnam("nobody").pw_uid
    is_ours = status.st_uid == os.getuid() or is_given
    return stat.S_ISDIR(status.st_mode) and is_ours and stat.S_IMODE(status.st_mode) == 0o700


def remove_empty(*empty: Path) -> None:
    """Remove folders that hold nothing any more."""
    for folder in empty:
        with contextlib.suppress(OSError):
            folder.rmdir()
