"""What a stranger does with a published variant: download it, and let the public `model_signing` command judge it."""

import hashlib
import subprocess
import sys

import httpx
import pytest

from tests.running_server import RunningServer, upload, wait_until_ready


def download(client, model, folder):
    """Fetch file, manifest and signature of the default variant, following the redirects without our token."""
    path = f"/api/models/{model}/versions/1.0.0/variants/generic-cpu"
    for part, name in (("download", "model.onnx"), ("manifest", "manifest.json"), ("signature", "model.sig")):
        redirect = client.get(f"{path}/{part}")
        assert redirect.status_code == 302, redirect.text
        answer = httpx.get(redirect.headers["Location"])
        assert answer.status_code == 200
        assert name in answer.headers["Content-Disposition"]
        (folder / name).write_bytes(answer.content)
    return redirect


def verify(folder, key):
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
    options = ["--signature", str(folder / "model.sig"), "--public_key", str(key)]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


def test_the_public_command_accepts_it_and_refuses_it_with_one_byte_changed(server, admin, tmp_path):
    upload(admin, "published")
    found = wait_until_ready(admin, "published")
    folder = tmp_path / "variant"
    folder.mkdir()
    download(admin, "published", folder)
    [default] = [variant for variant in found["variants"] if variant["is_default"]]
    assert hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest() == default["sha256"]
    key = tmp_path / "key.pem"
    key.write_text(httpx.get(f"{server.url}/api/signing-keys").json()["keys"][0]["pem"])
    accepted = verify(folder, key)
    assert accepted.returncode == 0, accepted.stderr
    for name in ("model.onnx", "manifest.json"):
        content = (folder / name).read_bytes()
        middle = len(content) // 2
        (folder / name).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        assert verify(folder, key).returncode != 0
        (folder / name).write_bytes(content)
    assert verify(folder, key).returncode == 0


def test_a_signed_link_serves_ranges_and_no_other_file(server, admin):
    upload(admin, "ranges")
    wait_until_ready(admin, "ranges")
    link = admin.get("/api/models/ranges/versions/1.0.0/variants/generic-cpu/download").headers["Location"]
    whole = httpx.get(link).content
    part = httpx.get(link, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert httpx.get(link.replace("signature=", "signature=x")).status_code == 403


@pytest.fixture
def s3_settings(s3_server):
    with s3_server.bucket_name() as bucket:
        yield s3_server.settings(bucket=bucket)


def test_with_s3_the_same_server_keeps_everything_there(new_home, s3_settings, tmp_path):
    running = RunningServer(new_home, settings=s3_settings).start()
    try:
        running.wait_until_ready()
        with running.client() as client:
            upload(client, "digits")
            found = wait_until_ready(client, "digits")
            assert found["status"] == "ready", found["status_message"]
            redirect = download(client, "digits", tmp_path)
        assert redirect.headers["Location"].startswith(f"{s3_settings['S3_ENDPOINT_URL']}/{s3_settings['S3_BUCKET']}/")
        [default] = [variant for variant in found["variants"] if variant["is_default"]]
        assert hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest() == default["sha256"]
        assert running.child("config.web.files:application") is None
        assert not (new_home / "blobs").exists()
    finally:
        running.stop()
