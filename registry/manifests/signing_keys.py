"""The ECDSA P-256 keys that sign variants, and their public halves as devices know them."""

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.errors import DomainError, Kind


class KeyStatus(StrEnum):
    """Whether a key still signs; a retired one proves what it signed before."""

    CURRENT = "current"
    RETIRED = "retired"


class UnusableKey(DomainError):
    """A key cannot be read, or is not ECDSA on the curve P-256."""

    code: ClassVar[str] = "unusable_key"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies; `retired` ones still prove what they signed, and sign nothing new."""

    public: ec.EllipticCurvePublicKey
    status: KeyStatus = KeyStatus.CURRENT

    @classmethod
    def load(cls, pem: str | bytes, *, status: KeyStatus = KeyStatus.CURRENT) -> Self:
        """Read a SubjectPublicKeyInfo in PEM.

        Raises:
            UnusableKey: Not a PEM public key, or not on P-256.
        """
        try:
            public = serialization.load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UnusableKey("The public key is not readable PEM.") from error
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise UnusableKey("The public key is not ECDSA on the curve P-256.")
        return cls(public=public, status=status)

    @property
    def pem(self) -> str:
        """The key as SubjectPublicKeyInfo in PEM."""
        return self._encoded(serialization.Encoding.PEM).decode()

    @property
    def key_id(self) -> str:
        """The hex SHA-256 of the key's SubjectPublicKeyInfo in DER."""
        return hashlib.sha256(self._encoded(serialization.Encoding.DER)).hexdigest()

    @property
    def hint(self) -> str:
        """What a bundle calls the key: the hex SHA-256 of its PEM (Model Signing v1.0, sign_ec_key.py)."""
        return hashlib.sha256(self._encoded(serialization.Encoding.PEM)).hexdigest()

    def _encoded(self, encoding: serialization.Encoding) -> bytes:
        return self.public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A private key; it never shows itself in a log."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        return cls(private=ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, source: str | bytes | Path) -> Self:
        """Read an unencrypted private key, given as PEM or as the path of a PEM file.

        Raises:
            UnusableKey: The file cannot be read, is not a PEM private key, or is not on P-256.
        """
        try:
            private = serialization.load_pem_private_key(_read_pem(source), password=None)
        except OSError as error:
            raise UnusableKey(f"The signing key cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnusableKey("The signing key is not an unencrypted PEM private key.") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise UnusableKey("The signing key is not ECDSA on the curve P-256.")
        return cls(private=private)

    @classmethod
    def load_or_generate(cls, path: Path) -> Self:
        """Read the key at a path; where there is none, make one there (mode 0600). Safe for several processes at once.

        Raises:
            UnusableKey: What is there is not a key, or the folder cannot be written.
        """
        if not path.exists():
            try:
                cls.generate().write(path)
            except FileExistsError:
                pass  # another process was faster; its key is the one
            except OSError as error:
                raise UnusableKey(f"The signing key cannot be written: {error.strerror}.") from error
        return cls.load(path)

    def write(self, path: Path) -> None:
        """Write the key as PKCS #8 PEM, mode 0600, whole or not at all, never over another key.

        Raises:
            FileExistsError: There is a file at the path.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(self.private_pem)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # unlike a rename, a link refuses to replace
        finally:
            temporary.unlink(missing_ok=True)

    @property
    def private_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public(self) -> PublicKey:
        """The public half, as the current key."""
        return PublicKey(public=self.private.public_key())

    @property
    def public_pem(self) -> str:
        """The public half in PEM."""
        return self.public.pem

    @property
    def key_id(self) -> str:
        """The id of the public half."""
        return self.public.key_id


def key_ring(current: SigningKey, *, retired_pems: Iterable[str] = ()) -> tuple[PublicKey, ...]:
    """Return every key that devices may trust, the current one first.

    Raises:
        UnusableKey: A retired key cannot be read.
    """
    retired = (PublicKey.load(pem, status=KeyStatus.RETIRED) for pem in retired_pems)
    return (current.public, *(key for key in retired if key.key_id != current.key_id))


def _read_pem(source: str | bytes | Path) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, str) and source.lstrip().startswith("-----BEGIN"):
        return source.encode()
    return Path(source).read_bytes()
