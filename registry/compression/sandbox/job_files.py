"""Files that a task left in its job folder, read without belief: a task may leave links, pipes and devices in their place."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from registry.compression.sandbox.endings import TaskFailed
from registry.compression.sandbox.limits import GIBIBYTE, MEBIBYTE

_CHUNK: Final = 4 * MEBIBYTE


def take_file(job: Path, name: str, *, destination: Path, max_bytes: int = 4 * GIBIBYTE) -> Path:
    """Copy a file that a task left to ``destination``, a new file outside of the job folder, and return this path.

    Call it after the task ended: ``run`` returns when no process of the task is left. The copy in the job folder is removed.

    Raises:
        TaskFailed: The file is not there, too large, or no plain file with one name: a child is not believed.
    """
    with open_file(job, name, max_bytes=max_bytes) as source:
        target = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _copy(source, target, max_bytes=max_bytes)
        finally:
            os.close(target)
    (job / name).unlink()
    return destination


def read_file(job: Path, name: str, *, max_bytes: int) -> bytes:
    """Return the content of a file that a task left.

    Raises:
        TaskFailed: As for ``take_file``.
    """
    with open_file(job, name, max_bytes=max_bytes) as source, os.fdopen(os.dup(source), "rb") as stream:
        return stream.read(max_bytes)


@contextmanager
def open_file(job: Path, name: str, *, max_bytes: int) -> Iterator[int]:
    """Open a plain file of the job folder for reading, and give its descriptor.

    Raises:
        TaskFailed: As for ``take_file``.
    """
    if Path(name).name != name:
        raise _missing()
    try:
        folder = os.open(job, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            # O_NONBLOCK: a pipe in the file's place would wait for a writer.
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _missing() from error
    try:
        _check(os.fstat(descriptor), max_bytes=max_bytes)
        yield descriptor
    finally:
        os.close(descriptor)


def _check(found: os.stat_result, *, max_bytes: int) -> None:
    # A second name would be a hard link to a file that stands elsewhere.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
        raise _missing()
    if found.st_size > max_bytes:
        message = f"The task left a file of {found.st_size} bytes; {max_bytes} are allowed."
        raise TaskFailed(message)


def _copy(source: int, target: int, *, max_bytes: int) -> None:
    left = max_bytes
    while left and (copied := os.sendfile(target, source, None, min(left, _CHUNK))):
        left -= copied


def _missing() -> TaskFailed:
    return TaskFailed("The task did not leave the file that it promised.")
