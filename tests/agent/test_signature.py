"""Verification against the reference package's own signatures, and everything that must not pass."""

import base64
import hashlib
import json
from pathlib import Path

import model_signing
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.installed import manifest
from edge_agent.update import signature
from edge_agent.update.failures import Failure, UpdateFailed
from tests.simulator import signing

VECTORS = Path(__file__).parent.parent / "contract" / "vectors" / "model_signing"


def digests(folder=VECTORS):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("manifest.json", "model.onnx")}


def pinned(*pems):
    return signature.load_keys(pems or [(VECTORS / "public_key.pem").read_text()])


def refuse(bundle, *, said, about=None, keys=None):
    with pytest.raises(UpdateFailed, match=said) as refusal:
        signature.verify(bundle, digests=about or digests(), keys=keys or pinned())
    assert refusal.value.failure is Failure.SIGNATURE_INVALID


def resign(key, change):
    """A bundle whose statement was changed and which was signed again, by the same key."""
    document = json.loads(signing.sign(key, digests()))
    statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    change(statement)
    return signing.seal(key, statement)


def test_a_signature_of_the_reference_package_is_accepted():
    hint = signature.verify((VECTORS / "model.sig").read_bytes(), digests=digests(), keys=pinned())

    assert hint == hashlib.sha256((VECTORS / "public_key.pem").read_bytes()).hexdigest()
    assert manifest.parse((VECTORS / "manifest.json").read_bytes()).version == "1.2.0"


def test_what_the_simulator_signs_the_reference_package_accepts(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    folder = tmp_path / "digits"
    folder.mkdir()
    for name in digests():
        (folder / name).write_bytes((VECTORS / name).read_bytes())
    (tmp_path / "model.sig").write_bytes(signing.sign(key, digests()))
    (tmp_path / "key.pem").write_text(signing.public_pem(key))

    verifying = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=tmp_path / "key.pem")
    verifying.verify(folder, tmp_path / "model.sig")


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_one_changed_byte_of_a_file_is_refused(name):
    content = bytearray((VECTORS / name).read_bytes())
    content[len(content) // 2] ^= 1

    refuse(
        (VECTORS / "model.sig").read_bytes(),
        about={**digests(), name: hashlib.sha256(content).hexdigest()},
        said=f"{name} is not the file that was signed",
    )


def test_every_changed_byte_of_the_bundle_is_refused_or_means_the_same():
    bundle = (VECTORS / "model.sig").read_bytes()
    before = json.loads(bundle)
    for place in range(0, len(bundle), 7):
        changed = bundle[:place] + bytes([bundle[place] ^ 1]) + bundle[place + 1 :]
        try:
            signature.verify(changed, digests=digests(), keys=pinned())
        except UpdateFailed:
            continue
        after = json.loads(changed)
        for part in ("payload", "payloadType"):
            assert after["dsseEnvelope"][part] == before["dsseEnvelope"][part]


def test_another_key_is_refused_even_when_it_claims_the_pinned_hint():
    other = ec.generate_private_key(ec.SECP256R1())
    forged = json.loads(signing.sign(other, digests()))
    refuse(json.dumps(forged).encode(), said="a key that is not pinned")

    forged["verificationMaterial"]["publicKey"]["hint"] = next(iter(pinned()))
    refuse(json.dumps(forged).encode(), said="does not match")


def test_any_of_several_pinned_keys_is_accepted():
    old, new = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    keys = pinned(signing.public_pem(old), signing.public_pem(new))

    for key in (old, new):
        signature.verify(signing.sign(key, digests()), digests=digests(), keys=keys)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["manifest.json"], "it is about"),
        (["manifest.json", "model.onnx", "extra"], "it is about"),
        (["manifest.json", "../model.onnx"], "it is about"),
    ],
)
def test_other_resources_than_the_two_files_are_refused(names, said):
    key = ec.generate_private_key(ec.SECP256R1())
    signed = {name: digests().get(name, "0" * 64) for name in names}

    refuse(signing.sign(key, signed), keys=pinned(signing.public_pem(key)), said=said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update(predicateType="https://model_signing/Digests/v0.1"), "no model signature"),
        (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), "no model signature"),
        (lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "the subject"),
        (lambda s: s["subject"].append(s["subject"][0]), "the subject"),
        (lambda s: s["predicate"]["resources"].append(s["predicate"]["resources"][0]), "twice"),
        (lambda s: s["predicate"]["resources"][0].update(algorithm="md5"), "another digest"),
        (lambda s: s.pop("predicate"), "malformed"),
    ],
)
def test_a_signed_statement_that_says_something_else_is_refused(change, said):
    key = ec.generate_private_key(ec.SECP256R1())

    refuse(resign(key, change), keys=pinned(signing.public_pem(key)), said=said)


@pytest.mark.parametrize("bundle", [b"", b"[]", b"{}", b"\xff\xfe", b'{"mediaType": 1}', b"[" * 100_000])
def test_a_malformed_bundle_is_refused(bundle):
    refuse(bundle, said="malformed|no application")


@pytest.mark.parametrize("pems", [[], ["nonsense"]])
def test_without_a_usable_key_nothing_is_accepted(pems):
    with pytest.raises(UpdateFailed) as refusal:
        signature.load_keys(pems)
    assert refusal.value.failure is Failure.SIGNATURE_INVALID


def test_a_key_of_another_curve_is_refused():
    key = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(UpdateFailed, match="no ECDSA P-256 key"):
        signature.load_keys([signing.public_pem(key)])
