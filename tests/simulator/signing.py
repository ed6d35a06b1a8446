"""Signing as the server does it: OpenSSF Model Signing v1.0 bundles with an ECDSA P-256 key."""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def sign(key: ec.EllipticCurvePrivateKey, digests: dict[str, str]) -> bytes:
    """Sign files as the server does: an OpenSSF Model Signing v1.0 bundle."""
    root = hashlib.sha256()
    for name in sorted(digests):
        root.update(bytes.fromhex(digests[name]))
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root.hexdigest()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in sorted(digests.items())
            ],
        },
    }
    return seal(key, statement)


def seal(key: ec.EllipticCurvePrivateKey, statement: dict[str, Any]) -> bytes:
    """Sign a statement, whatever it says."""
    payload = json.dumps(statement).encode()
    signed = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload
    pem = public_pem(key).encode()
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(pem).hexdigest()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"sig": base64.b64encode(key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode(), "keyid": ""}
            ],
        },
    }
    return json.dumps(bundle).encode()


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
