"""What every blob store promises, whichever it is."""

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from registry.storage import BlobCorrupt, BlobMissing, InvalidDigest, StoredBlob, StoreUnavailable, blob_key

ABSENT = "0" * 64


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class TestBlobStore:
    @pytest.mark.parametrize("size", [0, 1, 100_000, 5 * 1024 * 1024, 5 * 1024 * 1024 + 1, 12_345_678])
    def test_a_file_comes_back_as_it_was_and_others_can_read_it(self, backend, tmp_path, size):
        data = secrets.token_bytes(size)
        source = tmp_path / "source"
        source.write_bytes(data)
        blob = backend.store.put(source)
        assert blob == StoredBlob(sha256=sha256(data), size=size)
        assert backend.read_key(blob_key(blob.sha256)) == data
        backend.store.fetch(blob.sha256, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == data
        assert source.read_bytes() == data

    def test_bytes_are_stored_as_a_file_is(self, store, content, tmp_path):
        blob = store.put_bytes(content)
        (tmp_path / "source").write_bytes(content)
        assert store.put(tmp_path / "source") == blob
        assert (store.exists(blob.sha256), store.size(blob.sha256)) == (True, len(content))
        with store.open(blob.sha256) as stream:
            assert stream.read(10) + stream.read() == content

    def test_many_writers_of_the_same_content_make_one_blob(self, store, content):
        with ThreadPoolExecutor(8) as pool:
            blobs = set(pool.map(lambda _: store.put_bytes(content), range(16)))
        assert blobs == {StoredBlob(sha256=sha256(content), size=len(content))}
        with store.open(sha256(content)) as stream:
            assert stream.read() == content

    def test_a_damaged_blob_is_refused_and_no_file_appears(self, store, content, damage, tmp_path):
        blob = store.put_bytes(content)
        damage(blob.sha256)
        with pytest.raises(BlobCorrupt):
            store.fetch(blob.sha256, tmp_path / "copy")
        assert list(tmp_path.iterdir()) == []

    def test_a_refused_fetch_leaves_the_file_that_was_there(self, store, content, damage, tmp_path):
        blob = store.put_bytes(content)
        damage(blob.sha256)
        (tmp_path / "copy").write_bytes(b"good")
        with pytest.raises(BlobCorrupt):
            store.fetch(blob.sha256, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"good"

    def test_storing_again_mends_a_blob_that_was_cut_off(self, backend, content):
        blob = backend.store.put_bytes(content)
        backend.write_key(blob_key(blob.sha256), content[:1000])
        assert backend.store.put_bytes(content) == blob
        assert backend.read_key(blob_key(blob.sha256)) == content

    @pytest.mark.parametrize("size", [100_000, 6 * 1024 * 1024])
    def test_storing_again_mends_a_blob_that_is_as_long_as_it_was(self, backend, size, tmp_path):
        content = secrets.token_bytes(size)
        blob = backend.store.put_bytes(content)
        backend.write_key(blob_key(blob.sha256), content[:-1] + bytes([content[-1] ^ 1]))
        (tmp_path / "source").write_bytes(content)
        assert backend.store.put(tmp_path / "source") == blob
        assert backend.read_key(blob_key(blob.sha256)) == content

    def test_what_is_not_there_is_missing(self, store, tmp_path):
        assert store.exists(ABSENT) is False
        for read in (store.open, store.size, lambda digest: store.fetch(digest, tmp_path / "copy")):
            with pytest.raises(BlobMissing):
                read(ABSENT)
        assert list(tmp_path.iterdir()) == []

    def test_a_deleted_blob_is_gone_and_deleting_again_is_no_error(self, store, content):
        blob = store.put_bytes(content)
        store.delete(blob.sha256)
        store.delete(blob.sha256)
        assert store.exists(blob.sha256) is False
        assert store.put_bytes(content) == blob

    @pytest.mark.parametrize("digest", ["", "abc", "../../../etc/passwd", "A" * 64, "0" * 63 + "\n", "0" * 64 + "/.."])
    def test_only_a_digest_is_ever_part_of_a_key(self, store, digest, tmp_path):
        calls = [store.open, store.exists, store.size, store.delete]
        calls += [lambda d: store.fetch(d, tmp_path / "x"), lambda d: store.url(d, filename="x", expires_seconds=1)]
        for call in calls:
            with pytest.raises(InvalidDigest):
                call(digest)

    def test_a_source_that_cannot_be_read_is_named(self, store, tmp_path):
        with pytest.raises(StoreUnavailable, match="read the file"):
            store.put(tmp_path / "absent")

    def test_a_store_that_works_passes_its_check(self, store):
        store.check()


class TestUrl:
    @pytest.fixture
    def url(self, store, content):
        return store.url(store.put_bytes(content).sha256, filename="model.onnx", expires_seconds=60)

    def test_any_client_downloads_it_with_no_further_credentials(self, url, content):
        answer = httpx.get(url)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-disposition"] == 'attachment; filename="model.onnx"'
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-length"] == str(len(content))

    def test_a_download_is_resumed_from_where_it_stopped(self, url, content):
        answer = httpx.get(url, headers={"Range": "bytes=70000-"})
        assert (answer.status_code, answer.content) == (206, content[70_000:])
        assert answer.headers["content-range"] == f"bytes 70000-{len(content) - 1}/{len(content)}"

    @pytest.mark.parametrize(("wanted", "part"), [("0-0", slice(0, 1)), ("5-9", slice(5, 10)), ("-7", slice(-7, None))])
    def test_a_part_is_the_part_that_was_asked_for(self, url, content, wanted, part):
        answer = httpx.get(url, headers={"Range": f"bytes={wanted}"})
        assert (answer.status_code, answer.content) == (206, content[part])

    def test_a_part_beyond_the_end_cannot_be_had(self, url, content):
        assert httpx.get(url, headers={"Range": f"bytes={len(content)}-"}).status_code == 416

    def test_a_file_name_of_any_script_survives(self, store, content):
        url = store.url(store.put_bytes(content).sha256, filename='digits "é" 数字.onnx', expires_seconds=60)
        answer = httpx.get(url)
        assert answer.content == content
        assert answer.headers["content-disposition"] == (
            "attachment; filename=\"digits_______.onnx\"; filename*=UTF-8''digits%20%22%C3%A9%22%20%E6%95%B0%E5%AD%97.onnx"
        )
