"""Copies bytes and hashes them on the way, and names the errors of a full or broken disk."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from registry.storage import BlobCorrupt, StoredBlob, StoreFull, StoreUnavailable

CHUNK_BYTES: Final = 1024 * 1024

# A file-size limit answers EFBIG; for the caller that is the same as a full disk.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Readable(Protocol):
    """Anything that can be read forward."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, and none at the end."""
        ...


class Writable(Protocol):
    """Anything that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take all of the bytes."""
        ...


@contextmanager
def named_disk_errors(action: str) -> Iterator[None]:
    """Turn the operating system's errors into the store's.

    Raises:
        StoreFull: The disk, the quota or the file-size limit is exhausted.
        StoreUnavailable: Anything else went wrong.
    """
    try:
        yield
    except OSError as error:
        refusal = StoreFull if error.errno in _NO_ROOM else StoreUnavailable
        raise refusal(f"Cannot {action}: {error.strerror or error}.") from error


def copy_hashed(source: Readable, target: Writable | None = None) -> StoredBlob:
    """Read the source to its end, write it to the target if there is one, and return what it was."""
    hasher, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        hasher.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return StoredBlob(sha256=hasher.hexdigest(), size=size)


def copy_verified(source: Readable, destination: Path, *, sha256: str) -> None:
    """Copy to a file that appears only when the content has the digest.

    Raises:
        BlobCorrupt: It has another one.
        StoreFull: The destination has no room.
    """
    temporary = destination.with_name(f".{destination.name}.{secrets.token_hex(8)}")
    try:
        with named_disk_errors(f"write {destination.name}"):
            with temporary.open("xb") as file:
                found = copy_hashed(source, file)
            if found.sha256 != sha256:
                raise BlobCorrupt(
                    f"Blob {sha256} has the content of {found.sha256} ({found.size} bytes).", sha256=sha256
                )
            temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
