"""What only the S3 store promises: parts, conditional writes, two endpoints, and the server's refusals by name."""

import io
import secrets
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from registry.storage import StoreUnavailable, blob_key
from registry.storage.s3 import S3Store
from registry.storage.s3_clients import ensure_bucket


def test_making_the_bucket_again_changes_nothing(s3_store, s3_access, second_client):
    blob = s3_store.put_bytes(b"hello")
    ensure_bucket(s3_access)
    assert second_client.bucket_exists(s3_access.bucket)
    assert s3_store.exists(blob.sha256)


def test_what_another_client_wrote_is_read_and_verified(s3_store, s3_access, second_client, tmp_path):
    data = secrets.token_bytes(7_000_000)
    blob = s3_store.put_bytes(data)
    s3_store.delete(blob.sha256)
    second_client.put_object(s3_access.bucket, blob_key(blob.sha256), io.BytesIO(data), len(data))
    s3_store.fetch(blob.sha256, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


def test_urls_point_to_the_public_endpoint_and_requests_to_the_inner_one(s3_access, s3_store):
    store = S3Store(replace(s3_access, public_endpoint_url="https://files.example.com"))
    blob = store.put_bytes(secrets.token_bytes(10))
    url = urlsplit(store.url(blob.sha256, filename="model.onnx", expires_seconds=60))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc) == ("https", "files.example.com")
    assert url.path == f"/{s3_access.bucket}/{blob_key(blob.sha256)}"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["60"]


def test_a_url_lives_for_as_long_as_the_protocol_allows_and_no_longer(s3_store):
    url = s3_store.url("0" * 64, filename="model.onnx", expires_seconds=10**9)
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [str(7 * 24 * 3600)]


def test_the_probe_for_conditional_writes_leaves_nothing_behind(s3_access, s3_store, second_client):
    store = S3Store(s3_access)
    assert store.honors_if_none_match in {True, False}
    assert list(second_client.list_objects(s3_access.bucket, prefix="probe/", recursive=True)) == []


def test_a_server_that_ignores_conditional_writes_gets_plain_ones(s3_access, s3_store, tmp_path):
    store = S3Store(s3_access)
    vars(store)["honors_if_none_match"] = False  # what the probe would have found there
    data = secrets.token_bytes(1000)
    blob = store.put_bytes(data)
    assert store.put_bytes(data) == blob
    store.fetch(blob.sha256, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


def test_an_interrupted_upload_in_parts_leaves_nothing(s3_store, tmp_path):
    """The file changes between hashing and sending: it must never appear under the digest of what it was."""
    source = tmp_path / "source"
    source.write_bytes(secrets.token_bytes(11_000_000))
    before = s3_store.remove_leftovers(older_than_seconds=0)
    with source.open("r+b") as file:
        from registry.storage.copying import copy_hashed

        blob = copy_hashed(file)
        file.seek(10_999_999)
        file.write(b"!" if file.read(1) != b"!" else b"?")
        file.seek(0)
        with pytest.raises(StoreUnavailable, match="changed"):
            s3_store._store(blob, file)
    assert before == 0
    assert s3_store.exists(blob.sha256) is False
    assert s3_store.remove_leftovers(older_than_seconds=0) == 0


def test_uploads_that_a_killed_process_left_are_aborted_once_they_are_old(s3_access, s3_store):
    client = s3_access.connect()
    client.create_multipart_upload(Bucket=s3_access.bucket, Key=blob_key("1" * 64))
    assert s3_store.remove_leftovers(older_than_seconds=3600) == 0
    s3_store.remove_leftovers(older_than_seconds=0)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3_access.bucket, Prefix=blob_key("1" * 64))


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.check(),
        lambda store: store.open("0" * 64),
        lambda store: store.exists("0" * 64),
        lambda store: store.size("0" * 64),
        lambda store: store.put_bytes(b"hello"),
    ],
    ids=["check", "open", "exists", "size", "put"],
)
def test_a_missing_bucket_is_trouble_of_the_store_and_not_a_missing_blob(s3_access, s3_server, act):
    with s3_server.bucket_name() as bucket:
        store = S3Store(replace(s3_access, bucket=bucket))
        with pytest.raises(StoreUnavailable):
            act(store)


def test_other_credentials_are_refused_by_every_call(s3_access, s3_store):
    store = S3Store(replace(s3_access, secret_access_key="another secret"))
    for act in (store.check, store.ensure_bucket, lambda: store.exists("0" * 64), lambda: store.put_bytes(b"hello")):
        with pytest.raises(StoreUnavailable):
            act()


def test_a_url_that_was_changed_or_has_expired_opens_nothing(s3_store):
    sha256 = s3_store.put_bytes(secrets.token_bytes(10)).sha256
    url = s3_store.url(sha256, filename="model.onnx", expires_seconds=60)
    other = s3_store.put_bytes(secrets.token_bytes(10)).sha256
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.replace(blob_key(sha256), blob_key(other))).status_code == 403
    assert httpx.get(url.replace("Expires=60", "Expires=61")).status_code == 403
    brief = s3_store.url(sha256, filename="model.onnx", expires_seconds=1)
    time.sleep(2.1)
    assert httpx.get(brief).status_code == 403


def test_a_server_that_is_not_there_is_unavailable(s3_access, unused_address):
    store = S3Store(replace(s3_access, endpoint_url=unused_address))
    with pytest.raises(StoreUnavailable):
        store.check()
    with pytest.raises(StoreUnavailable):
        store.ensure_bucket()


@pytest.fixture
def unused_address():
    import socket

    with socket.socket() as taken:  # bound and not listening: connections are refused for as long as it is held
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_the_secret_does_not_show_itself(s3_access):
    assert s3_access.secret_access_key not in repr(s3_access)


def test_a_digest_with_content_of_another_name_keeps_its_own_type(s3_store):
    url = s3_store.url(s3_store.put_bytes(b"<html>").sha256, filename="page.html", expires_seconds=60)
    assert httpx.get(url).headers["content-type"] == "application/octet-stream"
