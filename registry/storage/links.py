"""Signed links to blobs of the directory store: a holder of a link may download its file until the link expires.

A link is `/blobs/<sha256>/<file name>?expires=<epoch seconds>&signature=<HMAC-SHA256, hex>`. The digest, the file name
and the expiry are covered. The key is derived from the installation's secret with a label of its own (HKDF, RFC 5869),
so that a signature made for anything else never opens a file.
"""

import hashlib
import hmac
import re
from typing import ClassVar, Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import DomainError, Kind
from registry.storage import check_digest

PATH_PREFIX: Final = "/blobs"

_KEY_LABEL: Final = b"modelfleet: signed links to blobs, version 1"
_EXPIRY: Final = re.compile(r"[1-9][0-9]{0,14}")
_UNSAFE_IN_NAME: Final = re.compile(r"[\x00-\x1f\x7f/\\]")
# What a quoted-string may hold without escapes and without surprising old clients (RFC 6266, appendix D).
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9 !#$&'()+,.;=@^_`{}~\[\]-]+")


class LinkInvalid(DomainError):
    """A link was not signed by this installation, or was changed."""

    code: ClassVar[str] = "link_invalid"
    kind: ClassVar[Kind] = Kind.FORBIDDEN


class LinkExpired(DomainError):
    """A link was valid, and its time is over: ask for a new one."""

    code: ClassVar[str] = "link_expired"
    kind: ClassVar[Kind] = Kind.FORBIDDEN


class UnsafeFileName(DomainError):
    """A file name is empty, has a slash or a control character, or is too long."""

    code: ClassVar[str] = "unsafe_file_name"
    kind: ClassVar[Kind] = Kind.INVALID


class LinkSigner:
    """Signs and verifies links with a key derived from the installation's secret."""

    def __init__(self, secret: bytes) -> None:
        """Derive the key."""
        derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_KEY_LABEL)
        self._key = derivation.derive(secret)

    def sign(self, sha256: str, *, filename: str, expires_at: int) -> str:
        """Return the path and query of a link.

        Args:
            sha256: The blob.
            filename: What the download is saved as.
            expires_at: Epoch seconds from which the link is refused.

        Raises:
            InvalidDigest: The digest is none.
            UnsafeFileName: The file name could not be one path segment or one header.
        """
        check_file_name(filename)
        expires = str(expires_at)
        query = urlencode(
            {"expires": expires, "signature": self._signature(sha256, filename=filename, expires=expires)}
        )
        return f"{PATH_PREFIX}/{check_digest(sha256)}/{quote(filename, safe='')}?{query}"

    def verify(self, sha256: str, *, filename: str, expires: str, signature: str, now: float) -> None:
        """Accept a link, given as the decoded parts of its address.

        Raises:
            LinkInvalid: The signature does not belong to these parts; says nothing about which.
            LinkExpired: The signature is right and the time is over.
        """
        expected = self._signature(sha256, filename=filename, expires=expires)
        is_authentic = hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))
        if not is_authentic or not _EXPIRY.fullmatch(expires):
            raise LinkInvalid("The link is not valid.")
        if now >= int(expires):
            raise LinkExpired("The link has expired; ask for a new one.")

    def _signature(self, sha256: str, *, filename: str, expires: str) -> str:
        # Neither of the first two can hold a line feed in a link that was ever signed, so the lines are unambiguous.
        message = f"{sha256}\n{expires}\n{filename}".encode(errors="surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def content_disposition(filename: str) -> str:
    """Return the header that saves a download under a name (RFC 6266, section 4; RFC 8187 for other than ASCII).

    Raises:
        UnsafeFileName: As `check_file_name`.
    """
    check_file_name(filename)
    if _PLAIN_NAME.fullmatch(filename):
        return f'attachment; filename="{filename}"'
    fallback = re.sub(r"[^A-Za-z0-9._-]", "_", filename)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(filename, safe='')}"


def check_file_name(filename: str) -> str:
    """Return the file name unchanged.

    Raises:
        UnsafeFileName: Empty, over 255 bytes, a dot name, or with a slash, a control character or a lone surrogate.
    """
    try:
        length = len(filename.encode())
    except UnicodeEncodeError as error:
        raise UnsafeFileName("The file name is not Unicode text.") from error
    if filename in {"", ".", ".."} or length > 255 or _UNSAFE_IN_NAME.search(filename):
        raise UnsafeFileName(f"{filename[:80]!r} is not safe as a file name.")
    return filename
