"""Signatures over a variant: OpenSSF Model Signing v1.0 bundles, made and checked with `cryptography` alone.

A bundle is a Sigstore bundle v0.3 (JSON) that holds a DSSE envelope, whose payload is an in-toto statement v1 with the
predicate https://model_signing/signature/v1.0. The layout is the one that `model_signing verify key` accepts.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from core.errors import DomainError, Kind
from core.formats.json_depth import TOO_DEEP, is_too_deep
from registry.manifests.signing_keys import PublicKey, SigningKey
from registry.names import SIGNATURE_NAME

__all__ = ["PublicKey", "SigningKey", "sign_bundle", "verify_bundle"]

MAX_BUNDLE_BYTES: Final = 1024 * 1024

_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class SignatureRefused(DomainError):
    """A bundle does not prove what it was asked to prove."""

    code: ClassVar[str] = "signature_refused"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE


class MalformedBundle(SignatureRefused):
    """The bytes are no Model Signing v1.0 bundle."""

    code: ClassVar[str] = "malformed_bundle"


class UnknownSigningKey(SignatureRefused):
    """None of the given public keys made the bundle."""

    code: ClassVar[str] = "unknown_signing_key"


class SignatureMismatch(SignatureRefused):
    """The signature is wrong, or it covers other files than the given ones."""

    code: ClassVar[str] = "signature_mismatch"


def sign_bundle(resources: Mapping[str, str], *, name: str, key: SigningKey) -> bytes:
    """Sign files, given as name → hex SHA-256, and return the bundle's bytes.

    Args:
        resources: Flat file names; `model.sig` is the bundle's own place and cannot be one.
        name: The subject's name, which informs people and proves nothing.
        key: The key to sign with.

    Raises:
        SignatureRefused: A name is empty or has a slash, a digest is not hex SHA-256, or there is nothing to sign.
    """
    _check_resources(resources)
    statement = {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": _root_digest(resources)}}],
        "predicateType": _PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE_NAME],
            },
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": resources[path]} for path in sorted(resources)
            ],
        },
    }
    payload = _compact(statement)
    signature = key.private.sign(_pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
    return _compact(
        {
            "mediaType": _MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key.public.hint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": _PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )


def verify_bundle(bundle: bytes, *, resources: Mapping[str, str], public_keys: Iterable[PublicKey]) -> str:
    """Check that a bundle covers exactly these files, and return the id of the key that made it.

    A retired key still proves what it signed; a key that is no longer trusted must not be passed.

    Raises:
        MalformedBundle: The bytes are no Model Signing v1.0 bundle.
        UnknownSigningKey: The bundle names none of the keys.
        SignatureMismatch: The signature is wrong, or a file is missing, additional or different.
    """
    payload, signature, hint = _open_envelope(bundle)
    key = _choose_key(public_keys, hint=hint)
    try:
        key.public.verify(signature, _pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise SignatureMismatch(f"The signature was not made by key {key.key_id[:16]} over this payload.") from error
    _compare(_read_statement(payload), resources)
    return key.key_id


def _check_resources(resources: Mapping[str, str]) -> None:
    if not resources:
        raise SignatureRefused("There is nothing to sign.")
    for path, digest in resources.items():
        if not path or "/" in path or path in {".", "..", SIGNATURE_NAME}:
            raise SignatureRefused(f"{path!r} cannot be the name of a signed file.")
        if not _DIGEST.fullmatch(digest):
            raise SignatureRefused(f"The digest of {path!r} is not a lower-case hex SHA-256.")


def _root_digest(resources: Mapping[str, str]) -> str:
    """Hash the files' digests in the order of their names (class Payload of the reference, v1.0)."""
    return hashlib.sha256(b"".join(bytes.fromhex(resources[path]) for path in sorted(resources))).hexdigest()


def _pre_authentication_encoding(payload: bytes) -> bytes:
    """Return what is signed (DSSE v1.0.0, protocol.md, PAE)."""
    return f"DSSEv1 {len(_PAYLOAD_TYPE)} {_PAYLOAD_TYPE} {len(payload)} ".encode() + payload


def _open_envelope(bundle: bytes) -> tuple[bytes, bytes, str]:
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise MalformedBundle(f"The bundle has {len(bundle)} bytes; the limit is {MAX_BUNDLE_BYTES}.")
    document = _load_json(bundle)
    try:
        envelope = document["dsseEnvelope"]
        if document["mediaType"] != _MEDIA_TYPE or envelope["payloadType"] != _PAYLOAD_TYPE:
            raise MalformedBundle("The bundle has another media type or payload type than Model Signing v1.0.")
        (only_signature,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(only_signature["sig"], validate=True)
        hint = document["verificationMaterial"]["publicKey"]["hint"]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise MalformedBundle(f"The bundle lacks a part, or a part has the wrong form: {error}.") from error
    if not isinstance(hint, str):
        raise MalformedBundle("The bundle does not name its key.")
    return payload, signature, hint


def _choose_key(public_keys: Iterable[PublicKey], *, hint: str) -> PublicKey:
    """Find the key that the bundle names; the hint only chooses among trusted keys and proves nothing."""
    for key in public_keys:
        if key.hint == hint:
            return key
    raise UnknownSigningKey(f"No trusted key has the hint {hint[:16]!r} of the bundle.")


def _read_statement(payload: bytes) -> dict[str, str]:
    """Return name → digest of a signed statement, after checking that it agrees with itself."""
    statement = _load_json(payload)
    try:
        if statement["_type"] != _STATEMENT_TYPE or statement["predicateType"] != _PREDICATE_TYPE:
            raise MalformedBundle("The statement is not of the type Model Signing v1.0.")
        predicate = statement["predicate"]
        if (predicate["serialization"]["method"], predicate["serialization"]["hash_type"]) != ("files", "sha256"):
            raise MalformedBundle("The files are not serialized as whole files with SHA-256.")
        listed = predicate["resources"]
        signed = {str(item["name"]): str(item["digest"]) for item in listed if item["algorithm"] == "sha256"}
        (subject,) = statement["subject"]
        is_consistent = len(signed) == len(listed) and subject["digest"]["sha256"] == _root_digest(signed)
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedBundle(f"The statement lacks a part, or a part has the wrong form: {error}.") from error
    if not is_consistent:
        raise MalformedBundle("The statement's root digest does not match its resources.")
    return signed


def _compare(signed: Mapping[str, str], given: Mapping[str, str]) -> None:
    if missing := sorted(signed.keys() - given.keys()):
        raise SignatureMismatch(f"Signed but not given: {', '.join(missing)}.")
    if additional := sorted(given.keys() - signed.keys()):
        raise SignatureMismatch(f"Given but not signed: {', '.join(additional)}.")
    if different := sorted(path for path in signed if signed[path] != given[path]):
        raise SignatureMismatch(f"Differs from what was signed: {', '.join(different)}.")


def _load_json(data: bytes) -> dict[str, Any]:
    if is_too_deep(data):
        raise MalformedBundle(TOO_DEEP)
    try:
        value = json.loads(data)
    except ValueError as error:
        raise MalformedBundle("A part of the bundle is not JSON.") from error
    if not isinstance(value, dict):
        raise MalformedBundle("A part of the bundle is not a JSON object.")
    return value


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
