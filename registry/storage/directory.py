"""The embedded blob store: a directory, served by the files process through signed links.

Storing is: 1. copy to a temporary file in the same file system, hashing; 2. fsync; 3. link under the digest, which
replaces nothing but a damaged copy; 4. fsync the directory. A power cut leaves the whole blob or none.
"""

import contextlib
import io
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from registry.storage import BlobMissing, StoredBlob, blob_key
from registry.storage.copying import Readable, copy_hashed, copy_verified, named_disk_errors, sync_directory
from registry.storage.links import LinkSigner

_FILE_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o750
_INCOMING: Final = "incoming"


class DirectoryStore:
    """Blobs below one directory. Cheap to make: nothing is read or written before the first use."""

    def __init__(self, root: Path, *, secret: bytes, public_url: str, clock: Callable[[], float] = time.time) -> None:
        """Describe the store.

        Args:
            root: The directory; made on the first write.
            secret: The secret that links are signed with; the files process needs the same one.
            public_url: Where devices reach the files process.
            clock: Epoch seconds, for the expiry of links.
        """
        self._root = root
        self._signer = LinkSigner(secret)
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    def put(self, source: Path) -> StoredBlob:
        """Store a file's content.

        Raises:
            StoreFull: There is no room; nothing is left behind.
            StoreUnavailable: The source or the store cannot be read or written.
        """
        with named_disk_errors("read the file to store"), source.open("rb") as file:
            return self._store(file)

    def put_bytes(self, data: bytes) -> StoredBlob:
        """Store bytes; raises as `put`."""
        return self._store(io.BytesIO(data))

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            BlobMissing: There is none.
        """
        path = self.path(sha256)
        with named_disk_errors("read a blob"):
            try:
                return path.open("rb")
            except FileNotFoundError as error:
                raise _missing(sha256) from error

    def fetch(self, sha256: str, destination: Path) -> None:
        """Copy a blob to a file after hashing it again.

        Raises:
            BlobMissing: There is none.
            BlobCorrupt: Its content has another digest.
        """
        with self.open(sha256) as source:
            copy_verified(source, destination, sha256=sha256)

    def exists(self, sha256: str) -> bool:
        """Say whether the blob is there."""
        with named_disk_errors("look for a blob"):
            return self.path(sha256).is_file()

    def size(self, sha256: str) -> int:
        """Return the size in bytes.

        Raises:
            BlobMissing: There is none.
        """
        with named_disk_errors("look for a blob"):
            try:
                return self.path(sha256).stat().st_size
            except FileNotFoundError as error:
                raise _missing(sha256) from error

    def delete(self, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        with named_disk_errors("remove a blob"):
            self.path(sha256).unlink(missing_ok=True)

    def remove_leftovers(self, *, older_than_seconds: float) -> int:
        """Remove temporary files that a killed process left, once no living one can still be writing them."""
        limit, removed = self._clock() - older_than_seconds, 0
        with named_disk_errors("remove temporary files"):
            for temporary in (self._root / _INCOMING).glob("*"):
                with contextlib.suppress(FileNotFoundError):  # its writer came to the end after all
                    if temporary.stat().st_mtime <= limit:
                        temporary.unlink()
                        removed += 1
        return removed

    def url(self, sha256: str, *, filename: str, expires_seconds: int) -> str:
        """Return a signed link to the files process, without looking at the blob."""
        expires_at = int(self._clock()) + expires_seconds
        return self._public_url + self._signer.sign(sha256, filename=filename, expires_at=expires_at)

    def check(self) -> None:
        """Write and remove one file.

        Raises:
            StoreUnavailable: That is not possible.
        """
        with named_disk_errors("write to the blob directory"):
            descriptor, temporary = self._new_temporary()
            os.close(descriptor)
            temporary.unlink()

    def path(self, sha256: str) -> Path:
        """Return where a blob is kept, whether or not it exists."""
        return self._root / blob_key(sha256)

    def _store(self, source: Readable) -> StoredBlob:
        with named_disk_errors("store a blob"):
            descriptor, temporary = self._new_temporary()
            try:
                with os.fdopen(descriptor, "wb") as file:
                    blob = copy_hashed(source, file)
                    file.flush()
                    os.fsync(file.fileno())
                self._publish(temporary, blob)
            finally:
                temporary.unlink(missing_ok=True)
        return blob

    def _new_temporary(self) -> tuple[int, Path]:
        incoming = self._root / _INCOMING
        incoming.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        temporary = incoming / secrets.token_hex(16)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        os.fchmod(descriptor, _FILE_MODE)  # the umask must not decide: the files process may run as another user
        return descriptor, temporary

    def _publish(self, temporary: Path, blob: StoredBlob) -> None:
        path = self.path(blob.sha256)
        path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        try:
            os.link(temporary, path)
        except FileExistsError:
            # A disk may have damaged the copy that is there. This one was just hashed, so it can take that place.
            with path.open("rb") as stored:
                if copy_hashed(stored) != blob:
                    temporary.replace(path)
        # Also when the blob was there: the process that linked it may not have come to these lines yet.
        for directory in (path.parent, path.parent.parent, self._root):
            sync_directory(directory)


def _missing(sha256: str) -> BlobMissing:
    return BlobMissing(f"There is no blob {sha256}.", sha256=sha256)
