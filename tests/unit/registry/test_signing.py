import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from registry.manifests import signing, signing_keys
from registry.manifests.signing_keys import PublicKey, SigningKey

FILES = {"manifest.json": "aa" * 32, "model.onnx": "bb" * 32}


@pytest.fixture(scope="module")
def key():
    return SigningKey.generate()


@pytest.fixture(scope="module")
def bundle(key):
    return signing.sign_bundle(FILES, name="digits-1.2.0", key=key)


def test_a_bundle_proves_its_files_and_names_the_key(key, bundle):
    assert signing.verify_bundle(bundle, resources=FILES, public_keys=[key.public]) == key.key_id


def test_a_retired_key_still_proves_what_it_signed(key, bundle):
    ring = signing_keys.key_ring(SigningKey.generate(), retired_pems=[key.public_pem])
    assert [public.status for public in ring] == ["current", "retired"]
    assert signing.verify_bundle(bundle, resources=FILES, public_keys=ring) == key.key_id


def test_a_key_is_listed_once_when_it_is_both_current_and_retired(key):
    assert signing_keys.key_ring(key, retired_pems=[key.public_pem]) == (key.public,)


def test_an_unknown_key_is_named_as_such(bundle):
    with pytest.raises(signing.UnknownSigningKey):
        signing.verify_bundle(bundle, resources=FILES, public_keys=[SigningKey.generate().public])
    with pytest.raises(signing.UnknownSigningKey):
        signing.verify_bundle(bundle, resources=FILES, public_keys=[])


def test_a_hint_proves_nothing(key, bundle):
    other = SigningKey.generate()
    document = json.loads(bundle)
    document["verificationMaterial"]["publicKey"]["hint"] = other.public.hint
    with pytest.raises(signing.SignatureMismatch):
        signing.verify_bundle(json.dumps(document).encode(), resources=FILES, public_keys=[other.public, key.public])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**FILES, "model.onnx": "cc" * 32}, "model.onnx"),
        ({**FILES, "manifest.json": "cc" * 32}, "manifest.json"),
        ({**FILES, "extra.bin": "cc" * 32}, "extra.bin"),
        ({"manifest.json": "aa" * 32}, "model.onnx"),
        ({"manifest.json": "bb" * 32, "model.onnx": "aa" * 32}, "manifest.json, model.onnx"),
        ({}, "manifest.json"),
    ],
)
def test_other_files_than_the_signed_ones_are_a_mismatch(key, bundle, files, message):
    with pytest.raises(signing.SignatureMismatch, match=message):
        signing.verify_bundle(bundle, resources=files, public_keys=[key.public])


def test_no_byte_of_the_signed_payload_can_change(key, bundle):
    document = json.loads(bundle)
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    for position in range(0, len(payload), 7):
        changed = bytearray(payload)
        changed[position] ^= 1
        document["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
        with pytest.raises(signing.SignatureMismatch):
            signing.verify_bundle(json.dumps(document).encode(), resources=FILES, public_keys=[key.public])


def sign_statement(key, change):
    """A bundle whose signature is right and whose statement is not."""
    document = json.loads(signing.sign_bundle(FILES, name="x", key=key))
    statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    change(statement)
    payload = json.dumps(statement).encode()
    signature = key.private.sign(signing._pre_authentication_encoding(payload), ec.ECDSA(signing.hashes.SHA256()))
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda statement: statement.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda statement: statement.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda statement: statement["subject"].append({"name": "y", "digest": {"sha256": "00" * 32}}),
        lambda statement: statement["subject"][0]["digest"].update(sha256="00" * 32),
        lambda statement: statement["predicate"]["resources"].append(statement["predicate"]["resources"][0]),
        lambda statement: statement["predicate"]["resources"][0].update(algorithm="blake2b"),
        lambda statement: statement["predicate"]["serialization"].update(method="shards"),
        lambda statement: statement.pop("predicate"),
        lambda statement: statement["predicate"].update(resources=None),
    ],
)
def test_a_well_signed_statement_of_another_shape_is_refused(key, change):
    with pytest.raises(signing.MalformedBundle):
        signing.verify_bundle(sign_statement(key, change), resources=FILES, public_keys=[key.public])


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("dsseEnvelope"),
        lambda document: document.update(mediaType="application/json"),
        lambda document: document["dsseEnvelope"].update(payloadType="text/plain"),
        lambda document: document["dsseEnvelope"].update(payload="%%%"),
        lambda document: document["dsseEnvelope"].update(signatures=[]),
        lambda document: document["dsseEnvelope"]["signatures"].append(document["dsseEnvelope"]["signatures"][0]),
        lambda document: document["verificationMaterial"].update(publicKey={}),
        lambda document: document["verificationMaterial"]["publicKey"].update(hint=None),
    ],
)
def test_a_bundle_with_a_missing_or_foreign_part_is_malformed(key, bundle, damage):
    document = json.loads(bundle)
    damage(document)
    with pytest.raises(signing.MalformedBundle):
        signing.verify_bundle(json.dumps(document).encode(), resources=FILES, public_keys=[key.public])


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * (signing.MAX_BUNDLE_BYTES + 1)]
)
def test_other_bytes_are_malformed(key, data):
    with pytest.raises(signing.MalformedBundle):
        signing.verify_bundle(data, resources=FILES, public_keys=[key.public])


@pytest.mark.parametrize(
    "files", [{}, {"": "aa" * 32}, {"a/b": "aa" * 32}, {"model.sig": "aa" * 32}, {"a": "AA" * 32}, {"a": "aa"}]
)
def test_what_cannot_be_verified_is_not_signed(key, files):
    with pytest.raises(signing.SignatureRefused):
        signing.sign_bundle(files, name="x", key=key)


def test_a_key_is_the_same_from_text_bytes_and_file(key, tmp_path):
    path = tmp_path / "keys" / "signing.pem"
    key.write(path)
    for source in (path, str(path), path.read_text(), path.read_bytes()):
        assert SigningKey.load(source).key_id == key.key_id
    assert PublicKey.load(key.public_pem).key_id == key.key_id
    assert len(key.key_id) == 64


def test_a_new_key_is_readable_by_its_owner_only_and_never_replaced(key, tmp_path):
    path = tmp_path / "signing.pem"
    made = SigningKey.load_or_generate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.load_or_generate(path).key_id == made.key_id
    with pytest.raises(FileExistsError):
        key.write(path)
    assert [*tmp_path.iterdir()] == [path]


def test_several_processes_that_start_at_once_end_up_with_one_key(tmp_path):
    path = tmp_path / "keys" / "signing.pem"
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: SigningKey.load_or_generate(path).key_id, range(16)))
    assert len(ids) == 1


def test_a_private_key_does_not_show_itself(key):
    assert "PRIVATE" not in repr(key)
    assert str(key.private.private_numbers().private_value) not in repr(key)


def rsa_pem():
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def p384_pem():
    return ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("source", ["/nowhere/key.pem", b"nonsense", "-----BEGIN NONSENSE-----", rsa_pem(), p384_pem()])
def test_an_unusable_key_is_refused_by_name(source):
    with pytest.raises(signing_keys.UnusableKey):
        SigningKey.load(source)


def test_a_public_key_on_another_curve_is_refused():
    pem = ec.generate_private_key(ec.SECP384R1()).public_key()
    encoded = pem.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(signing_keys.UnusableKey):
        PublicKey.load(encoded)
