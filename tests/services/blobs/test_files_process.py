"""The files process as a client meets it: a real server on a real port."""

import email
import secrets
import socket
import time
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from registry.storage.links import LinkSigner

MEBIBYTE = 1024 * 1024


@pytest.fixture
def directory_store(files_process):
    return files_process.store()


@pytest.fixture
def blob(directory_store, content):
    return directory_store.put_bytes(content)


@pytest.fixture
def url(directory_store, blob):
    return directory_store.url(blob.sha256, filename="model.onnx", expires_seconds=60)


def assert_problem(answer, *, status, code):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"]
    assert problem["detail"]


def test_head_answers_as_get_does_without_the_body(url, content, blob):
    answer = httpx.head(url)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["etag"] == f'"{blob.sha256}"'


def test_the_entity_tag_is_the_digest_and_saves_a_second_download(url, blob):
    answer = httpx.get(url, headers={"If-None-Match": f'W/"x", "{blob.sha256}"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert httpx.get(url, headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_resumed_download_of_what_has_changed_starts_over(url, content, blob):
    same = httpx.get(url, headers={"Range": "bytes=5-", "If-Range": f'"{blob.sha256}"'})
    assert (same.status_code, same.content) == (206, content[5:])
    other = httpx.get(url, headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, content)


def test_several_ranges_come_as_one_multipart_answer(url, content):
    answer = httpx.get(url, headers={"Range": "bytes=0-9, 100-109, -10"})
    assert answer.status_code == 206
    assert len(answer.content) == int(answer.headers["content-length"])
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + answer.content).get_payload()
    size = len(content)
    assert [part["content-range"] for part in parts] == [
        f"bytes 0-9/{size}",
        f"bytes 100-109/{size}",
        f"bytes {size - 10}-{size - 1}/{size}",
    ]
    for part in (content[:10], content[100:110], content[-10:]):
        assert b"\r\n\r\n" + part + b"\r\n" in answer.content


def test_an_unsatisfiable_range_says_how_long_the_file_is(url, content):
    answer = httpx.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(content)}")


def test_a_range_in_another_unit_is_ignored(url, content):
    assert httpx.get(url, headers={"Range": "lines=5-"}).content == content


def test_a_range_of_head_describes_the_part(url, content):
    answer = httpx.head(url, headers={"Range": "bytes=5-"})
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["content-length"] == str(len(content) - 5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.onnx", "other.onnx"),
        ("signature=", "signature=0"),
        ("expires=", "expires=9"),
        ("expires=", "expires=%0A"),
        ("signature=", "other="),
        ("expires=", "other="),
        ("&signature=", "&signature=%F0%9F%98%80"),
    ],
)
def test_a_changed_link_is_refused(url, old, new):
    assert_problem(httpx.get(url.replace(old, new, 1)), status=403, code="link_invalid")


def test_a_link_opens_no_other_blob(url, directory_store, blob):
    other = directory_store.put_bytes(secrets.token_bytes(10))
    assert_problem(httpx.get(url.replace(blob.sha256, other.sha256)), status=403, code="link_invalid")


def test_an_expired_link_is_refused_and_named(files_process, blob):
    past = files_process.store(clock=lambda: time.time() - 120)
    url = past.url(blob.sha256, filename="model.onnx", expires_seconds=60)
    assert_problem(httpx.get(url), status=403, code="link_expired")


def test_a_link_of_another_installation_is_refused(files_process, blob):
    other = files_process.store(secret=b"another secret")
    assert_problem(
        httpx.get(other.url(blob.sha256, filename="model.onnx", expires_seconds=60)), status=403, code="link_invalid"
    )


def test_a_good_link_to_a_blob_that_is_gone_is_missing(directory_store, blob, url):
    directory_store.delete(blob.sha256)
    assert_problem(httpx.get(url), status=404, code="blob_missing")


@pytest.mark.parametrize("path", ["/", "/blobs", "/blobs/", "/blobs/sha256/", "/sha256/", "/docs", "/blobs/a/b/c"])
def test_nothing_is_listed(files_process, path):
    assert_problem(httpx.get(files_process.url + path), status=404, code="not_found")


def test_other_methods_are_refused(url):
    answer = httpx.post(url)
    assert_problem(answer, status=405, code="method_not_allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("digest", ["..%2f..%2fetc", "%2e%2e", "%00", "A" * 64])
def test_a_path_that_is_no_digest_leads_nowhere(files_process, digest):
    answer = httpx.get(f"{files_process.url}/blobs/{digest}/passwd?expires=99999999999&signature=00")
    assert answer.status_code in {403, 404}


def test_even_a_signed_path_that_is_no_digest_is_refused(files_process):
    (files_process.home / "blobs").mkdir(exist_ok=True)
    signer = LinkSigner(b"a secret of the tests, long enough")
    signature = signer._signature("..", filename="log", expires="99999999999")
    answer = httpx.get(f"{files_process.url}/blobs/%2e%2e/log?expires=99999999999&signature={signature}")
    assert answer.status_code in {400, 404}


def stall(url, *, headers=""):
    """Ask for a file, read the first bytes of the answer, and then nothing more."""
    address = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect((address.hostname, address.port))
    client.sendall(f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    start = client.recv(1024)
    assert start.startswith((b"HTTP/1.1 200", b"HTTP/1.1 206")), start
    return client


def read_at_least(client, size):
    received = 0
    while received < size and (data := client.recv(MEBIBYTE)):
        received += len(data)
    return received


@pytest.mark.parametrize("headers", ["", "Range: bytes=1-\r\n"], ids=["whole", "range"])
def test_sixteen_stalled_downloads_do_not_stop_a_seventeenth(files_process, directory_store, headers):
    data = secrets.token_bytes(48 * MEBIBYTE)
    blob = directory_store.put_bytes(data)
    url = directory_store.url(blob.sha256, filename="model.onnx", expires_seconds=600)
    clients = [stall(url, headers=headers) for _ in range(16)]
    try:
        assert httpx.get(url, timeout=20).content == data
        assert httpx.get(files_process.url + "/livez", timeout=5).json() == {"status": "ok"}
        assert resident_bytes(files_process.process) < 400 * MEBIBYTE, "the stalled files are not held in memory"
        wanted = len(data) - MEBIBYTE
        assert read_at_least(clients[0], wanted) >= wanted, "a stalled client can go on"
    finally:
        for client in clients:
            client.close()


def resident_bytes(process):
    parent = psutil.Process(process.pid)
    return sum(each.memory_info().rss for each in [parent, *parent.children(recursive=True)])
