"""The wire of the simulated server: a real socket, files with Range, and faults on demand.

A fault is spent by the requests whose path begins with its prefix.
"""

import contextlib
import dataclasses
import gzip
import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.simulator.edge_server import EdgeServer


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


class Server(ThreadingHTTPServer):
    daemon_threads = True
    edge: "EdgeServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle is no error here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go out in two writes: with Nagle's algorithm each answer would wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    server: Server

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
        status, headers, body = edge.answer(
            method, address.path, parse_qs(address.query), headers=self.headers, raw=raw
        )
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
