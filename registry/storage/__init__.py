"""Immutable bytes under their own SHA-256, in a directory or in any S3 store.

Knows nothing of models or versions. A key is `sha256/<first two>/<hex>`; equal content is stored once; what is read back
through `fetch` is hashed again, because neither a disk nor an ETag proves content.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Final, Protocol

from core.errors import DomainError, Kind

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class InvalidDigest(DomainError):
    """A text is not a lower-case hex SHA-256."""

    code: ClassVar[str] = "invalid_digest"
    kind: ClassVar[Kind] = Kind.INVALID


class BlobMissing(DomainError):
    """The store has no such blob."""

    code: ClassVar[str] = "blob_missing"
    kind: ClassVar[Kind] = Kind.MISSING


class BlobCorrupt(DomainError):
    """The bytes of a blob do not have the digest that names them."""

    code: ClassVar[str] = "blob_corrupt"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE


class StoreUnavailable(DomainError):
    """The store cannot be reached or refuses to work; trying again later may help."""

    code: ClassVar[str] = "store_unavailable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE


class StoreFull(StoreUnavailable):
    """There is no room for the blob; nothing of it was kept."""

    code: ClassVar[str] = "store_full"


@dataclass(frozen=True)
class StoredBlob:
    """The identity of stored bytes."""

    sha256: str
    size: int


class BlobStore(Protocol):
    """Where blobs are kept. Every method may raise `StoreUnavailable`."""

    def put(self, source: Path) -> StoredBlob:
        """Store a file's content, whole and durable or not at all; storing it again mends a damaged copy, and changes nothing else."""
        ...

    def put_bytes(self, data: bytes) -> StoredBlob:
        """Store bytes as `put` does."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading forward; unlike `fetch` it proves nothing about the content."""
        ...

    def fetch(self, sha256: str, destination: Path) -> None:
        """Copy a blob to a file after hashing it again; on `BlobCorrupt` there is no file."""
        ...

    def exists(self, sha256: str) -> bool:
        """Say whether the blob is there."""
        ...

    def size(self, sha256: str) -> int:
        """Return the size in bytes, or raise `BlobMissing`."""
        ...

    def delete(self, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        ...

    def remove_leftovers(self, *, older_than_seconds: float) -> int:
        """Remove what interrupted writes left behind and return how many there were; whole blobs are not touched."""
        ...

    def url(self, sha256: str, *, filename: str, expires_seconds: int) -> str:
        """Return a signed address that needs no further credentials, supports Range, and saves under the file name."""
        ...

    def check(self) -> None:
        """Raise `StoreUnavailable` when the store could not serve or take a blob now."""
        ...


def check_digest(sha256: str) -> str:
    """Return the digest unchanged.

    Raises:
        InvalidDigest: It is not 64 lower-case hex digits; nothing else ever becomes part of a path.
    """
    if not _DIGEST.fullmatch(sha256):
        raise InvalidDigest(f"{sha256[:80]!r} is not a lower-case hex SHA-256.")
    return sha256


def blob_key(sha256: str) -> str:
    """Return the key of a blob in its store.

    Raises:
        InvalidDigest: As `check_digest`.
    """
    return f"sha256/{check_digest(sha256)[:2]}/{sha256}"
