"""A server for the agent's tests: the device API in memory, with signed files.

It keeps the wire contract's promises (tokens, ETag, dedupe of batches); `edge_http` puts it on a socket, and can be told to
break any of them.
"""

import dataclasses
import hashlib
import json
import threading
import uuid
from http.client import HTTPMessage
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.simulator import edge_http, signing
from tests.simulator.edge_http import Fault, Request

ENROLLMENT_KEY = "key-of-the-test"
# A policy under which a model is confirmed as soon as it is watched.
NO_PROBATION = {"probation_s": 0, "probation_inferences": 0}

# Status, headers and JSON body.
Answer = tuple[int, dict[str, str], dict[str, Any] | None]


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


class EdgeServer:
    """The simulated server; a context manager."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.files: dict[str, bytes] = {}
        self.tokens: dict[str, str] = {}
        self.is_review = False
        # By device, from its first enrollment on; None for a device that sent none.
        self.nonces: dict[str, str | None] = {}
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
        self._server = edge_http.Server(("127.0.0.1", 0), edge_http.Handler)
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
        return signing.public_pem(self.key)

    def sign(self, digests: dict[str, str]) -> bytes:
        """Sign files with the server's key."""
        return signing.sign(self.key, digests)

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
            signature=signing.sign(key or self.key, digests),
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

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], *, headers: HTTPMessage, raw: bytes
    ) -> Answer:
        """Answer one request as the device API does."""
        if (method, path) == ("POST", "/api/devices/enroll"):
            return self._enroll(json.loads(raw))
        device_id = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
        if device_id is None:
            return 401, {}, {"code": "unauthenticated", "detail": "no such token"}
        if (method, path) == ("GET", "/api/models/latest"):
            return self._latest(device_id, query, etag_at_hand=headers.get("If-None-Match"))
        return self._take(path, json.loads(raw or b"{}"), device_id=device_id, raw=raw)

    def _take(self, path: str, body: dict[str, Any], *, device_id: str, raw: bytes) -> Answer:
        if path == "/api/devices/self/reports":
            self.reports.append(body)
            return 200, {}, {"state": body["state"]}
        if path == "/api/devices/self/heartbeat":
            self.heartbeats.append(body)
            return 200, {}, {}
        if path == "/api/ingest" and body["device_id"] == device_id:
            status, answer = self.land(body, raw)
            return status, {}, answer
        return 404, {}, {"code": "missing"}

    def _enroll(self, body: dict[str, Any]) -> Answer:
        self.enrollments.append(body)
        if body["enrollment_key"] != ENROLLMENT_KEY:
            return 403, {}, {"code": "bad_enrollment_key", "detail": "unknown"}
        nonce = self.nonces.setdefault(body["device_id"], body.get("nonce"))
        if nonce is not None and body.get("nonce") != nonce:
            return 409, {}, {"code": "already_enrolled", "detail": "enrolled already"}
        if self.is_review:
            return 202, {}, {"status": "pending"}
        token = uuid.uuid4().hex
        with self.lock:
            self.tokens[token] = body["device_id"]
        keys = [self.public_pem]
        return 201, {}, {"device_id": body["device_id"], "token": token, "poll_after_s": 60, "signing_keys": keys}

    def _latest(self, device_id: str, query: dict[str, list[str]], *, etag_at_hand: str | None) -> Answer:
        if query["device_id"] != [device_id]:
            return 403, {}, {"code": "forbidden"}
        wanted = query.get("model", [next(iter(self.assignments), "none")])[0]
        answer = self.assignments.get(wanted)
        headers = {"X-Poll-After": str(int(self.poll_after_s)), "Cache-Control": "private, no-cache"}
        if answer is None:
            return 204, {**headers, "X-Reason": "nothing assigned"}, None
        etag = f'"{answer["assignment"]["attempt_id"]}"'
        if etag_at_hand == etag:
            return 304, {**headers, "ETag": etag}, None
        return 200, {**headers, "ETag": etag}, answer
