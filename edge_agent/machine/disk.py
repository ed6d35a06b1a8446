"""The disk: every write that the agent makes to its home folder, SQLite's own files apart.

A power cut may lose everything that was not synced: the bytes of a file until `sync`, a name in a folder until
`sync_folder`. The order of these operations keeps a working model on the device. Tests replace `Disk` by a class that
loses power at the n-th operation.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A JSON object from a file, whose fields the reader has to check.
Document = dict[str, Any]


class Disk:
    """The operations of a POSIX file system that the agent relies on."""

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Create a file, or replace its bytes; not durable until synced."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            # `os.open` applies the mode to a new file only, and less the umask: a secret must not keep an older, wider mode.
            os.fchmod(file.fileno(), mode)
            file.write(data)

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes to the end of a file, and create it where it is missing; not durable until synced."""
        with path.open("ab") as file:
            file.write(data)

    def sync(self, path: Path) -> None:
        """Make a file's bytes durable. Its name is durable after `sync_folder` only."""
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def replace(self, source: Path, destination: Path) -> None:
        """Rename a file over another one in one step; a power cut before `sync_folder` may leave either name."""
        source.replace(destination)

    def remove(self, path: Path) -> None:
        """Remove a file; a file that is missing is no error."""
        path.unlink(missing_ok=True)

    def create_folder(self, folder: Path) -> None:
        """Create one folder in a parent that exists."""
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
        # Bytes before the name: a name that survives alone would show an empty file in place of the old one.
        self.sync(scratch)
        self.replace(scratch, path)
        # The caller acts on the new file next, so the new name has to be durable before this returns.
        self.sync_folder(path.parent)

    def write_document(self, path: Path, document: Mapping[str, object], *, mode: int = 0o644) -> None:
        """Replace a JSON file as a whole."""
        text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
        self.write_atomically(path, text.encode(), mode=mode)


def read_document(path: Path) -> Document | None:
    """Return a JSON object that `write_document` wrote, or None where the file is missing.

    Raises:
        ValueError: the file holds no JSON object. An atomic replacement cannot leave one behind, so the disk is damaged.
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
    """Return the SHA-256 of a file, read back from the disk, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
