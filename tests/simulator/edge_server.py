"""A server for the agent's tests: the device API in memory, on a real socket, with signed files and faults on demand.

It keeps the wire contract's promises (tokens, ETag, Range, dedupe of batches) and can be told to break any of them. A fault
is spent by the requests whose path begins with its prefix.
"""

import base64
import contextlib
import dataclasses
import gzip
import hashlib
import json
import socket
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAYLOAD_TYPE = "application/vnd.in-toto+json"
ENROLLMENT_KEY = "key-of-the-test"


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next `times` requests to a path."""

    prefix: str
    kind: str  # status, truncate, corrupt, slow, no_range, stall, hang_up, answer_lost, body
    value: Any = None
    times: int = 1
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


@dataclasses.dataclass
class Release:
    """One published file with its manifest and signature."""

    model: str
    version: str
    target: str
    filename: str
    file: bytes
    manifest: bytes
    signature: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file).hexdigest()


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


class EdgeServer:
    """The simulated server; a context manager."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.files: dict[str, bytes] = {}
        self.tokens: dict[str, str] = {}
        self.is_review = False
        self.enrollments: list[dict[str, Any]] = []
        self.assignments: dict[str, dict[str, Any]] = {}
        self.reports: list[dict[str, Any]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.batches: dict[tuple[str, int], str] = {}
        self.records: list[dict[str, Any]] = []
        self.duplicates = 0
        self.max_records = 10_000
        self.poll_after_s: float = 60
        self.lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.edge = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.is_closing = threading.Event()

    def __enter__(self) -> "EdgeServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def public_pem(self) -> str:
        return public_pem(self.key)

    def sign(self, digests: dict[str, str]) -> bytes:
        """Sign files with the server's key."""
        return sign(self.key, digests)

    def publish(
        self,
        file: bytes,
        manifest: dict[str, Any],
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Release:
        """Sign a file and its manifest and put them where they can be fetched."""
        content = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
        name = manifest["file"]["name"]
        digests = {"manifest.json": hashlib.sha256(content).hexdigest(), name: hashlib.sha256(file).hexdigest()}
        release = Release(
            model=manifest["model"],
            version=manifest["version"],
            target=manifest["target"],
            filename=name,
            file=file,
            manifest=content,
            signature=sign(key or self.key, digests),
        )
        stem = f"{release.model}-{release.version}"
        self.files |= {f"{stem}/file": file, f"{stem}/manifest": content, f"{stem}/signature": release.signature}
        return release

    def assign(self, release: Release, **changes: Any) -> dict[str, Any]:
        """Answer polls for this model with this release; `changes` go over the answer's fields."""
        stem = f"{self.url}/files/{release.model}-{release.version}"
        before = self.assignments.get(release.model, {}).get("assignment", {}).get("release_counter", 0)
        answer: dict[str, Any] = {
            "model_id": release.model,
            "version": release.version,
            "sha256": release.sha256,
            "size": len(release.file),
            "format": "onnx",
            "filename": release.filename,
            "download_url": f"{stem}/file?signature=secret",
            "target": release.target,
            "recipe": "fp32-optimized",
            "manifest_url": f"{stem}/manifest?signature=secret",
            "manifest_sha256": hashlib.sha256(release.manifest).hexdigest(),
            "signature_url": f"{stem}/signature?signature=secret",
            "baseline_url": None,
            "assignment": {
                "attempt_id": str(uuid.uuid4()),
                "rollout_id": None,
                "reason": "channel stable",
                "release_counter": before + 1,
                "expires_at": "2030-01-01T00:00:00Z",
                "dsse": None,
            },
            "policy": {"activate": "immediate", "probation_s": 300, "probation_inferences": 5},
            "poll_after_s": self.poll_after_s,
        }
        for name, value in changes.items():
            if isinstance(answer.get(name), dict):
                answer[name] = {**answer[name], **value}
            else:
                answer[name] = value
        self.assignments[release.model] = answer
        return answer

    def fail(self, prefix: str, kind: str, value: Any = None, *, times: int = 1, **headers: str) -> Fault:
        """Break the next requests to a path."""
        fault = Fault(prefix=prefix, kind=kind, value=value, times=times, headers=headers)
        self.faults.append(fault)
        return fault

    def states(self, attempt_id: str | None = None) -> list[str]:
        """The reported states, in the order of their arrival, each once."""
        chosen = [r for r in self.reports if attempt_id in {None, r["attempt_id"]}]
        return list(dict.fromkeys(report["state"] for report in chosen))

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def take_fault(self, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if path.startswith(fault.prefix) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def land(self, body: dict[str, Any], raw: bytes) -> tuple[int, dict[str, Any]]:
        """Keep a batch once."""
        with self.lock:
            if len(body["records"]) > self.max_records:
                return 413, {"code": "too_large"}
            key, digest = (body["stream"], body["batch"]), hashlib.sha256(raw).hexdigest()
            is_known = key in self.batches
            if self.batches.setdefault(key, digest) != digest:
                return 409, {"code": "batch_conflict"}
            if is_known:
                self.duplicates += 1
                return 200, {"accepted": 0, "duplicates": len(body["records"])}
            self.records += body["records"]
            return 200, {"accepted": len(body["records"]), "duplicates": 0}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    edge: EdgeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go out in two writes: with Nagle's algorithm each answer would wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        edge = self.server.edge
        address = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        edge.requests.append(Request(method, address.path, parse_qs(address.query), dict(self.headers.items())))
        fault = edge.take_fault(address.path)
        if fault is not None and self._break(fault):
            return
        if address.path.startswith("/files/"):
            self._send_file(address.path.removeprefix("/files/"), fault)
            return
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        status, headers, body = self._answer(method, address.path, parse_qs(address.query), raw)
        if fault is not None and fault.kind == "answer_lost":
            self._hang_up()
            return
        if fault is not None and fault.kind == "body":
            body = {**(body or {}), **fault.value}
        self._send(status, headers, body)

    def _break(self, fault: Fault) -> bool:
        if fault.kind == "status":
            self._send(fault.value, fault.headers, {"code": "fault", "detail": "as told"})
            return True
        if fault.kind == "stall":
            self.server.edge.is_closing.wait(fault.value)
            self._hang_up()
            return True
        if fault.kind == "hang_up":
            self._hang_up()
            return True
        return False

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, headers: dict[str, str], body: Any) -> None:
        content = b"" if body is None or status in {204, 304} else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self, name: str, fault: Fault | None) -> None:
        content = self.server.edge.files.get(name)
        if content is None:
            self._send(404, {}, {"code": "missing"})
            return
        if fault is not None and fault.kind == "corrupt":
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
        offset, total = 0, len(content)
        asked = self.headers.get("Range")
        if asked and not (fault is not None and fault.kind == "no_range"):
            offset = int(asked.removeprefix("bytes=").rstrip("-"))
            if offset >= total:
                self._send(416, {"Content-Range": f"bytes */{total}"}, {})
                return
        body = content[offset:]
        self.send_response(206 if offset else 200)
        self.send_header("Content-Length", str(len(body)))
        if offset:
            self.send_header("Content-Range", f"bytes {offset}-{total - 1}/{total}")
        self.end_headers()
        if fault is not None and fault.kind == "truncate":
            self.wfile.write(body[: fault.value])
            self.wfile.flush()
            self._hang_up()
            return
        if fault is not None and fault.kind == "slow":
            self._drip(body, fault.value)
            return
        self.wfile.write(body)

    def _drip(self, body: bytes, chunk_bytes: int) -> None:
        for start in range(0, len(body), chunk_bytes):
            if self.server.edge.is_closing.wait(0.01):
                return
            self.wfile.write(body[start : start + chunk_bytes])

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], raw: bytes
    ) -> tuple[int, dict[str, str], dict[str, Any] | None]:
        edge = self.server.edge
        if (method, path) == ("POST", "/api/devices/enroll"):
            return self._enroll(json.loads(raw))
        device_id = edge.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if device_id is None:
            return 401, {}, {"code": "unauthenticated", "detail": "no such token"}
        if (method, path) == ("GET", "/api/models/latest"):
            return self._latest(device_id, query)
        return self._take(path, json.loads(raw or b"{}"), device_id=device_id, raw=raw)

    def _take(
        self, path: str, body: dict[str, Any], *, device_id: str, raw: bytes
    ) -> tuple[int, dict[str, str], dict[str, Any] | None]:
        edge = self.server.edge
        if path == "/api/devices/self/reports":
            edge.reports.append(body)
            return 200, {}, {"state": body["state"]}
        if path == "/api/devices/self/heartbeat":
            edge.heartbeats.append(body)
            return 200, {}, {}
        if path == "/api/ingest" and body["device_id"] == device_id:
            status, answer = edge.land(body, raw)
            return status, {}, answer
        return 404, {}, {"code": "missing"}

    def _enroll(self, body: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any] | None]:
        edge = self.server.edge
        edge.enrollments.append(body)
        if body["enrollment_key"] != ENROLLMENT_KEY:
            return 403, {}, {"code": "bad_enrollment_key", "detail": "unknown"}
        if edge.is_review:
            return 202, {}, {"status": "pending"}
        token = uuid.uuid4().hex
        with edge.lock:
            edge.tokens[token] = body["device_id"]
        keys = [public_pem(edge.key)]
        return 201, {}, {"device_id": body["device_id"], "token": token, "poll_after_s": 60, "signing_keys": keys}

    def _latest(self, device_id: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], dict[str, Any] | None]:
        edge = self.server.edge
        if query["device_id"] != [device_id]:
            return 403, {}, {"code": "forbidden"}
        wanted = query.get("model", [next(iter(edge.assignments), "none")])[0]
        answer = edge.assignments.get(wanted)
        headers = {"X-Poll-After": str(int(edge.poll_after_s)), "Cache-Control": "private, no-cache"}
        if answer is None:
            return 204, {**headers, "X-Reason": "nothing assigned"}, None
        etag = f'"{answer["assignment"]["attempt_id"]}"'
        if self.headers.get("If-None-Match") == etag:
            return 304, {**headers, "ETag": etag}, None
        return 200, {**headers, "ETag": etag}, answer
