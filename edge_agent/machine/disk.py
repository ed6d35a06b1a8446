"""Every write the agent makes to its home folder (SQLite apart, which keeps its own promises).

A power cut may lose whatever was not synced: the bytes of a file until `sync`, a name until `sync_folder`. The order of
these few operations is what keeps a working model on the device, so tests replace this class by one that loses power at
the n-th operation.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any


class Disk:
    """The operations of a POSIX file system that the agent relies on."""

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Create or truncate a file; not durable until synced."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes to the end of a file, making it if need be; not durable until synced."""
        with path.open("ab") as file:
            file.write(data)

    def sync(self, path: Path) -> None:
        """Make a file's bytes durable; its name is made durable by `sync_folder`."""
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def replace(self, source: Path, destination: Path) -> None:
        """Rename atomically over what may be there; which of the two names survives a power cut is open until synced."""
        source.replace(destination)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens where there is none."""
        path.unlink(missing_ok=True)

    def create_folder(self, folder: Path) -> None:
        """Create one folder whose parent exists."""
        folder.mkdir(mode=0o755, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free_bytes(self, folder: Path) -> int:
        """Return how many bytes this user may still write in a folder."""
        return shutil.disk_usage(folder).free

    def ensure_folder(self, folder: Path) -> None:
        """Create a folder and its parents, each name durable."""
        if folder.is_dir():
            return
        self.ensure_folder(folder.parent)
        self.create_folder(folder)
        self.sync_folder(folder.parent)

    def write_atomically(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Replace a file as a whole: after a power cut it holds either all of the old bytes or all of the new ones."""
        scratch = path.with_name(path.name + ".new")
        self.write(scratch, data, mode=mode)
        self.sync(scratch)
        self.replace(scratch, path)
        self.sync_folder(path.parent)

    def write_document(self, path: Path, document: dict[str, Any], *, mode: int = 0o644) -> None:
        """Replace a JSON file as a whole."""
        text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
        self.write_atomically(path, text.encode(), mode=mode)


def read_document(path: Path) -> dict[str, Any] | None:
    """Return a JSON object that `write_document` wrote, or None where there is none.

    Raises:
        ValueError: the file is there and is no JSON object, which an atomic replacement cannot leave behind.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(document, dict):
        message = f"{path} is not a JSON object"
        raise ValueError(message)  # noqa: TRY004
    return document


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file as it is on the disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
