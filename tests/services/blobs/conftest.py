"""The two blob stores under one set of tests.

The S3 store talks to the S3 server of `tests/s3_server.py`, in a bucket made and removed by the run.
"""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from registry.storage import BlobStore, blob_key
from registry.storage.directory import DirectoryStore
from registry.storage.s3 import S3Store
from registry.storage.s3_clients import S3Access

REPOSITORY = Path(__file__).resolve().parents[3]
SECRET = "a secret of the tests, long enough"
PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes


@dataclass
class Backend:
    """A store, and ways around it: to see and to damage what it keeps."""

    store: BlobStore
    read_key: Callable[[str], bytes]
    write_key: Callable[[str, bytes], None]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class FilesProcess:
    process: subprocess.Popen
    url: str
    home: Path

    def store(self, **changes) -> DirectoryStore:
        fields = {"secret": SECRET.encode(), "public_url": self.url, **changes}
        return DirectoryStore(self.home / "blobs", **fields)


@pytest.fixture(scope="session")
def files_process(tmp_path_factory):
    """The real server: granian with config.web.files, on an empty home."""
    home, port = tmp_path_factory.mktemp("files-home"), free_port()
    command = [
        *(str(Path(sys.executable).with_name("granian")), "--interface", "asgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--log-level", "warning", "config.web.files:application"),
    ]
    environment = {"PATH": os.environ["PATH"], "MODELFLEET_HOME": str(home), "SECRET_KEY": SECRET}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
    try:
        wait_until_live(f"http://127.0.0.1:{port}/livez", process=process, log=home / "log")
        yield FilesProcess(process=process, url=f"http://127.0.0.1:{port}", home=home)
    finally:
        process.terminate()
        process.wait(timeout=15)


def wait_until_live(url, *, process, log):
    with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=5) as client:  # retries back off up to 32 s
        try:
            assert client.get(url).status_code == 200
        except httpx.TransportError as error:
            pytest.fail(f"the files process did not start ({process.poll()}, {error}): {log.read_text()}")


@pytest.fixture(scope="session")
def s3_access(s3_server):
    with s3_server.bucket_name() as bucket:
        yield S3Access(
            bucket=bucket,
            endpoint_url=s3_server.endpoint_url,
            access_key_id=s3_server.access_key_id,
            secret_access_key=s3_server.secret_access_key,
            region=s3_server.region,
        )


@pytest.fixture(scope="session")
def second_client(s3_server):
    """Another S3 client than the store's, by other people."""
    return s3_server.connect()


@pytest.fixture(scope="session")
def s3_store(s3_access):
    store = S3Store(s3_access, part_bytes=PART_BYTES)
    store.ensure_bucket()
    return store


@pytest.fixture
def directory_backend(files_process):
    root = files_process.home / "blobs"
    return Backend(
        store=files_process.store(),
        read_key=lambda key: (root / key).read_bytes(),
        write_key=lambda key, data: (root / key).write_bytes(data) and None,
    )


@pytest.fixture
def s3_backend(s3_store, s3_access, second_client):
    import io

    def read_key(key):
        answer = second_client.get_object(s3_access.bucket, key)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def write_key(key, data):
        second_client.put_object(s3_access.bucket, key, io.BytesIO(data), len(data))

    return Backend(store=s3_store, read_key=read_key, write_key=write_key)


@pytest.fixture(params=["directory", "s3"])
def backend(request):
    return request.getfixturevalue(f"{request.param}_backend")


@pytest.fixture
def store(backend):
    return backend.store


@pytest.fixture
def content():
    """Bytes that no other test stores."""
    return secrets.token_bytes(100_000)


@pytest.fixture
def damage(backend):
    """Change one byte of a stored blob behind the store's back."""

    def change(sha256):
        data = bytearray(backend.read_key(blob_key(sha256)))
        data[len(data) // 2] ^= 1
        backend.write_key(blob_key(sha256), bytes(data))

    return change
