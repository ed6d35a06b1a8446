"""Makes and checks private folders and files: mode 0700 or 0600, and owned by this user."""

import contextlib
import os
import pwd
import stat
from pathlib import Path

from core.errors import DomainError, Kind


class FolderNotPrivate(DomainError):
    """A name that needs a private folder is taken by another user's folder, or by a file or a link."""

    code = "folder_not_private"
    kind = Kind.UNAVAILABLE


def make_private(folder: Path, *, owner: int) -> None:
    """Make the folder with mode 0700, or check that this user or the owner owns it. Give it to the owner.

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


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600, in one step: no process ever reads half of it."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def is_private(folder: Path) -> bool:
    """Return whether the folder exists with mode 0700, owned by this user or by the account that PostgreSQL runs as."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    is_given = os.getuid() == 0 and status.st_uid == pwd.getpwnam("nobody").pw_uid
    is_ours = status.st_uid == os.getuid() or is_given
    return stat.S_ISDIR(status.st_mode) and is_ours and stat.S_IMODE(status.st_mode) == 0o700


def remove_empty(*empty: Path) -> None:
    """Remove those of the folders that are empty."""
    for folder in empty:
        with contextlib.suppress(OSError):
            folder.rmdir()
