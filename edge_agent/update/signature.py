"""Verifying an OpenSSF Model Signing v1.0 bundle with a pinned ECDSA P-256 key. Pure functions.

Sources: OpenSSF Model Signing specification v1.0; sigstore bundle v0.3; DSSE v1.0.0 protocol.md (PAE);
in-toto attestation Statement v1. The public tool accepts more: other curves, certificates, an encoding older than 1.0. A
device accepts only the form that its server publishes, and only over the two files of the assignment.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import TypedDict

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.update.failures import Failure, UpdateFailed

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"


class Resource(TypedDict):
    """One signed file; `digest` is lower-case hex."""

    name: str
    algorithm: str
    digest: str


class Predicate(TypedDict):
    """The signed files. Other fields of the specification, such as `serialization`, change nothing for the device."""

    resources: list[Resource]


class Subject(TypedDict):
    """The name and the digests of the model as a whole."""

    name: str
    digest: dict[str, str]


class Statement(TypedDict):
    """An in-toto statement: the subject was signed, and the predicate lists its files."""

    _type: str
    subject: list[Subject]
    predicateType: str
    predicate: Predicate


def load_keys(pems: Iterable[str]) -> dict[str, ec.EllipticCurvePublicKey]:
    """Return the pinned keys by their hint, which is the SHA-256 of the key's PEM (Model Signing v1.0).

    Raises:
        UpdateFailed: `signature_invalid`: there is no key, or one of them is no P-256 key.
    """
    keys = {}
    for pem in pems:
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _invalid(f"a pinned key cannot be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise _invalid("a pinned key is no ECDSA P-256 key")
        canonical = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys[hashlib.sha256(canonical).hexdigest()] = key
    if not keys:
        raise _invalid("no signing key is pinned, so nothing can be verified")
    return keys


def list_key_ids(pems: Iterable[str]) -> list[str]:
    """Return the id of each key that can be read: the SHA-256 of its DER, as the server's list of keys names it."""
    found = []
    for pem in pems:
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            continue
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        found.append(hashlib.sha256(der).hexdigest())
    return found


def verify(bundle: bytes, *, digests: Mapping[str, str], keys: Mapping[str, ec.EllipticCurvePublicKey]) -> str:
    """Check that a pinned key signed exactly these files, and return the key's hint.

    Args:
        bundle: the bytes of `model.sig`.
        digests: lower-case hex SHA-256 by file name. The bundle must name exactly these files.
        keys: the pinned keys by hint.

    Raises:
        UpdateFailed: `signature_invalid`; the message names the first check that failed.
    """
    try:
        document = json.loads(bundle)
        if document["mediaType"] != BUNDLE_TYPE:
            raise _invalid(f"the bundle is no {BUNDLE_TYPE}")
        envelope = document["dsseEnvelope"]
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise _invalid(f"the payload is no {PAYLOAD_TYPE}")
        if len(envelope["signatures"]) != 1:
            raise _invalid("the bundle must hold one signature")
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        hint = document["verificationMaterial"]["publicKey"]["hint"]
        _check_signature(signature, payload=payload, key=keys.get(hint))
        _check_statement(json.loads(payload), digests=digests)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise _invalid(f"the bundle is malformed: {type(error).__name__}") from error
    return str(hint)


def encode_pae(payload: bytes) -> bytes:
    """Return the bytes that are really signed: DSSE's pre-authentication encoding (DSSE v1.0.0, protocol.md)."""
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload


def _check_signature(signature: bytes, *, payload: bytes, key: ec.EllipticCurvePublicKey | None) -> None:
    if key is None:
        raise _invalid("it is signed by a key that is not pinned")
    try:
        key.verify(signature, encode_pae(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise _invalid("the signature does not match") from error


def _check_statement(statement: Statement, *, digests: Mapping[str, str]) -> None:
    if statement["_type"] != STATEMENT_TYPE or statement["predicateType"] != PREDICATE_TYPE:
        raise _invalid("the statement is no model signature v1.0")
    signed: dict[str, str] = {}
    root = hashlib.sha256()
    for resource in statement["predicate"]["resources"]:
        if resource["algorithm"] != "sha256" or resource["name"] in signed:
            raise _invalid("a signed resource is given twice, or by another digest than SHA-256")
        signed[resource["name"]] = resource["digest"]
        root.update(bytes.fromhex(resource["digest"]))
    if signed.keys() != digests.keys():
        raise _invalid(f"it is about {sorted(signed)}, not about {sorted(digests)}")
    for name, digest in digests.items():
        if not hmac.compare_digest(signed[name], digest):
            raise _invalid(f"{name} is not the file that was signed")
    subjects = statement["subject"]
    if len(subjects) != 1 or subjects[0]["digest"]["sha256"] != root.hexdigest():
        raise _invalid("the subject is not the digest of the resources")


def _invalid(message: str) -> UpdateFailed:
    return UpdateFailed(Failure.SIGNATURE_INVALID, message)
