"""A real S3 server for tests: SeaweedFS from its wheel, in a folder and on ports of its own, or one that is named.

With S3_ENDPOINT_URL, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY in the environment, that server is used instead.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from minio import Minio

from config.processes.spawning import LAUNCH

WEED = Path(sys.executable).with_name("weed")
START_SECONDS = 60


@dataclass(frozen=True)
class S3Server:
    """An S3 server that checks signatures, and credentials that it accepts."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"

    def connect(self) -> Minio:
        """Return a client by other people than the store's."""
        address = urlsplit(self.endpoint_url)
        return Minio(
            address.netloc,
            access_key=self.access_key_id,
            secret_key=self.secret_access_key,
            secure=address.scheme == "https",
            region=self.region,
        )

    @contextmanager
    def bucket_name(self) -> Iterator[str]:
        """Choose a name that no bucket has; a bucket that has it afterward is removed with all that it holds."""
        name, client = f"modelfleet-tests-{secrets.token_hex(6)}", self.connect()
        try:
            yield name
        finally:
            if client.bucket_exists(name):
                for item in client.list_objects(name, recursive=True):
                    client.remove_object(name, item.object_name)
                client.remove_bucket(name)

    def settings(self, *, bucket: str) -> dict[str, str]:
        """Return the environment variables that make Modelfleet use a bucket of this server."""
        return {
            "S3_ENDPOINT_URL": self.endpoint_url,
            "S3_ACCESS_KEY_ID": self.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.secret_access_key,
            "S3_REGION": self.region,
            "S3_BUCKET": bucket,
        }


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """Use the server that the environment names, else run one in this folder until the block ends."""
    if endpoint := os.environ.get("S3_ENDPOINT_URL"):
        yield S3Server(
            endpoint_url=endpoint,
            access_key_id=os.environ["S3_ACCESS_KEY_ID"],
            secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
            region=os.environ.get("S3_REGION", "us-east-1"),
        )
        return
    ports = choose_free_ports(8)
    server = S3Server(f"http://127.0.0.1:{ports[0]}", "tests", secrets.token_hex(16))
    (folder / "data").mkdir()
    (folder / "s3.json").write_text(describe_identity(server))
    log = folder / "log"
    # launch.py ties the server's life to ours: nothing is left where the test run is killed.
    launch = [sys.executable, "-I", "-S", str(LAUNCH), str(int(signal.SIGKILL)), str(os.getpid())]
    with log.open("wb") as output:
        process = subprocess.Popen([*launch, *build_command(folder, ports=ports)], stdout=output, stderr=output)
    try:
        wait_until_it_answers(server, process=process, log=log)
        yield server
    finally:
        # Its orderly end takes 27 seconds, and nobody needs the data.
        process.kill()
        process.wait()
        remove_sockets(ports)


def build_command(folder: Path, *, ports: list[int]) -> list[str]:
    """Return the command line of the smallest server: one volume server, nothing sent to the network."""
    s3, s3_grpc, filer, filer_grpc, volume, volume_grpc, master, master_grpc = ports
    return [
        *(str(WEED), "-logtostderr", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-master.telemetry=false"),
        *(f"-master.port={master}", f"-master.port.grpc={master_grpc}"),
        *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}"),
        *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}", f"-filer.localSocket={folder / 'filer'}"),
        *("-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.localSocket={folder / 's3'}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder / 's3.json'}", "-s3.autoCreateBucket=false"),
        # With few volumes it answers InternalError as soon as each bucket has reserved some.
        *("-volume.max=200", "-master.volumeSizeLimitMB=64"),
    ]


def describe_identity(server: S3Server) -> str:
    """Return the configuration that makes the server check signatures."""
    credentials = [{"accessKey": server.access_key_id, "secretKey": server.secret_access_key}]
    return json.dumps({"identities": [{"name": "tests", "credentials": credentials, "actions": ["Admin"]}]})


def wait_until_it_answers(server: S3Server, *, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask until the server refuses a request without a signature."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(server.endpoint_url, timeout=2).status_code == 403:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def choose_free_ports(count: int) -> list[int]:
    """Return ports that are free now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def remove_sockets(ports: list[int]) -> None:
    """Remove the sockets that the server puts in /tmp whatever it is told."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)
