"""The reference command `model_signing` is the oracle: it must accept what we sign, and we what it signs."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from registry.manifests import signing
from registry.manifests.signing_keys import PublicKey, SigningKey

REFERENCE = Path(sys.executable).with_name("model_signing")


def run_reference(*arguments):
    return subprocess.run([REFERENCE, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def verify_by_reference(folder, *, key):
    public = folder.parent / "public.pem"
    public.write_text(key.public_pem)
    return run_reference("verify", "key", folder, "--signature", folder / "model.sig", "--public_key", public)


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "model.sig"
    }


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "digits"
    path.mkdir()
    (path / "manifest.json").write_bytes(b'{"schema":"modelfleet.manifest/1"}')
    (path / "model.onnx").write_bytes(bytes(range(256)) * 512)
    return path


@pytest.fixture
def key():
    return SigningKey.generate()


@pytest.fixture
def signed(folder, key):
    (folder / "model.sig").write_bytes(signing.sign_bundle(digests(folder), name="digits-1.2.0", key=key))
    return folder


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_reference_accepts_what_we_sign(signed, key):
    result = verify_by_reference(signed, key=key)
    assert (result.returncode, "Verification succeeded" in result.stdout + result.stderr) == (0, True), result


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: flip(folder / "model.onnx"), "Hash mismatch for 'model.onnx'"),
        (lambda folder: flip(folder / "manifest.json"), "Hash mismatch for 'manifest.json'"),
        (lambda folder: (folder / "extra.bin").write_bytes(b"x"), "extra.bin"),
        (lambda folder: (folder / "manifest.json").unlink(), "Missing files"),
    ],
    ids=["one byte of the file", "one byte of the manifest", "an additional file", "a missing file"],
)
def test_the_reference_and_we_refuse_a_changed_folder(signed, key, damage, says):
    damage(signed)
    result = verify_by_reference(signed, key=key)
    assert result.returncode != 0
    assert says in (result.stdout + result.stderr).replace("\\", "")  # it prints the repr of a list
    with pytest.raises(signing.SignatureMismatch):
        signing.verify_bundle((signed / "model.sig").read_bytes(), resources=digests(signed), public_keys=[key.public])


def test_the_reference_refuses_another_key(signed):
    result = verify_by_reference(signed, key=SigningKey.generate())
    assert result.returncode != 0
    assert "Key mismatch" in result.stdout + result.stderr


def test_we_accept_what_the_reference_signs(folder, key, tmp_path):
    private = tmp_path / "private.pem"
    key.write(private)
    result = run_reference("sign", "key", folder, "--signature", folder / "model.sig", "--private_key", private)
    assert result.returncode == 0, result
    public = PublicKey.load(key.public_pem, status="retired")
    bundle = (folder / "model.sig").read_bytes()
    assert signing.verify_bundle(bundle, resources=digests(folder), public_keys=[public]) == key.key_id
    flip(folder / "model.onnx")
    with pytest.raises(signing.SignatureMismatch, match=r"model\.onnx"):
        signing.verify_bundle(bundle, resources=digests(folder), public_keys=[public])
