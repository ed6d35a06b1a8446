"""The HTTP exchange with the server. Every wait and every answer has a limit, and no redirect is followed.

Two connections on purpose: one sends the device token, and only to the device API. The other fetches files by signed
address and has no token, so a hostile file server cannot get it.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import httpx

from edge_agent.server import answers
from edge_agent.server.bodies import EnrollmentBody, HeartbeatBody, ReportBody
from edge_agent.server.failures import (
    FinalRefusal,
    ServerBroken,
    ServerRefusal,
    Unreachable,
    choose_failure,
)
from edge_agent.version import __version__

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
USER_AGENT = f"modelfleet-edge-agent/{__version__}"
JSON_HEADERS = {"Content-Type": "application/json"}
API_STATUSES = frozenset({200, 201, 202, 204, 304})
FILE_STATUSES = frozenset({200, 206, 416})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Received:
    """An answer of the device API that is no failure; `body` is the parsed JSON, None where the answer is empty."""

    status: int
    headers: Mapping[str, str]
    body: object


class Client:
    """The device API. Used by one thread; close it when done."""

    def __init__(self, server_url: str, *, timeout_seconds: float) -> None:
        self._server_url = server_url
        self._timeout_seconds = timeout_seconds
        self._api = _open_connection({"Accept": "application/json"}, timeout_seconds=timeout_seconds)
        # Without "identity" the file server might compress: Range counts the bytes that are sent, and the digest the bytes
        # of the file.
        self._files = _open_connection({"Accept-Encoding": "identity"}, timeout_seconds=timeout_seconds)
        self.token: str | None = None

    def close(self) -> None:
        """Close both connections."""
        self._api.close()
        self._files.close()

    def enroll(self, body: EnrollmentBody) -> answers.Enrollment | None:
        """Ask for an identity; None while the device waits for a person to accept it (202).

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: 4xx.
        """
        content = json.dumps(body, allow_nan=False).encode()
        received = self._post("/api/devices/enroll", content, is_authenticated=False)
        if received.status == HTTPStatus.ACCEPTED:
            return None
        try:
            return answers.read_enrollment(received.body)
        except answers.BadAnswer as error:
            raise ServerBroken(str(error)) from error

    def latest(self, device_id: str, *, model: str | None, etag: str | None) -> answers.Answer:
        """Ask which model file the device should run.

        Args:
            device_id: the device that asks.
            model: the model; None means the device's first subscription.
            etag: the `ETag` of the answer at hand: the server then says 304 while nothing has changed.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: 4xx.
        """
        parameters = {"device_id": device_id} | ({"model": model} if model else {})
        headers = {"If-None-Match": etag} if etag else {}
        received = self._exchange("GET", "/api/models/latest", parameters=parameters, headers=headers)
        wait, found = _poll_after(received), received.headers.get("ETag")
        if received.status == HTTPStatus.NOT_MODIFIED:
            return answers.Answer(is_unchanged=True, etag=etag, poll_after_seconds=wait)
        if received.status == HTTPStatus.NO_CONTENT:
            reason = received.headers.get("X-Reason", "nothing is assigned")
            return answers.Answer(reason=reason, etag=found, poll_after_seconds=wait)
        try:
            assignment = answers.read_assignment(received.body)
        except answers.BadAnswer as error:
            raise ServerBroken(str(error)) from error
        return answers.Answer(assignment=assignment, etag=found, poll_after_seconds=wait)

    def report(self, body: ReportBody) -> None:
        """Report one step of an attempt.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: 4xx.
        """
        self._post("/api/devices/self/reports", json.dumps(body, allow_nan=False).encode())

    def heartbeat(self, body: HeartbeatBody) -> None:
        """Say that the device is alive, which models it runs, and how loaded it is.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: 4xx.
        """
        self._post("/api/devices/self/heartbeat", json.dumps(body, allow_nan=False).encode())

    def ingest(self, content: bytes) -> answers.Intake:
        """Send a gzipped batch of telemetry and return the final answer: 200, or 422 with rejected records.

        Raises:
            ServerTrouble: send the same bytes again later.
            ServerRefusal: 4xx other than 422. The sender treats 409 and 413 each in its own way.
        """
        try:
            received = self._post("/api/ingest", content, headers={"Content-Encoding": "gzip"})
        except FinalRefusal as refusal:
            return answers.read_intake(refusal.body, status=refusal.status)
        return answers.read_intake(received.body, status=received.status)

    @contextlib.contextmanager
    def fetch(self, url: str, *, offset: int = 0) -> Iterator[httpx.Response]:
        """Open a file by its signed address, from `offset` on, without any credentials.

        The caller looks at the status: 206 starts at the offset, 200 at the first byte, 416 means an offset past the end.

        Raises:
            ServerTrouble: the file cannot be fetched now; bytes that were read before stay good. A refusal counts as
                trouble too: the address may have expired, and the next poll brings a fresh one.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with self._files.stream("GET", url, headers=headers) as response:
                if response.status_code not in FILE_STATUSES:
                    raise choose_failure(response.status_code, headers=response.headers, body=None)
                yield response
        except ServerRefusal as refusal:
            message = f"the file server refuses with {refusal.status}"
            raise ServerBroken(message) from refusal
        except httpx.HTTPError as error:
            message = f"file server: {_name_without_address(error)}"
            raise Unreachable(message) from error

    def fetch_small(self, url: str, *, most_bytes: int) -> bytes:
        """Return a whole small file.

        Raises:
            ServerTrouble: the file cannot be fetched now, or is larger than `most_bytes`.
        """
        with self.fetch(url) as response:
            content = _read_bounded(response, most_bytes=most_bytes, timeout_seconds=self._timeout_seconds)
        if content is None:
            message = f"a small file of more than {most_bytes} bytes"
            raise ServerBroken(message)
        return content

    def _post(
        self, path: str, content: bytes, *, headers: Mapping[str, str] | None = None, is_authenticated: bool = True
    ) -> Received:
        everything = {**JSON_HEADERS, **(headers or {})}
        return self._exchange("POST", path, content=content, headers=everything, is_authenticated=is_authenticated)

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        parameters: Mapping[str, str] | None = None,
        content: bytes | None = None,
        is_authenticated: bool = True,
    ) -> Received:
        url = self._server_url + path
        credentials = {"Authorization": f"Bearer {self.token}"} if is_authenticated else {}
        try:
            with self._api.stream(
                method, url, headers={**headers, **credentials}, params=parameters, content=content
            ) as response:
                answer = _read_bounded(response, most_bytes=MAX_ANSWER_BYTES, timeout_seconds=self._timeout_seconds)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"{self._server_url}: {_name_without_address(error)}"
            raise Unreachable(message) from error
        body = _parse(answer, status=response.status_code)
        if response.status_code not in API_STATUSES:
            raise choose_failure(response.status_code, headers=response.headers, body=body)
        return Received(status=response.status_code, headers=response.headers, body=body)


def _open_connection(headers: Mapping[str, str], *, timeout_seconds: float) -> httpx.Client:
    return httpx.Client(
        headers={"User-Agent": USER_AGENT, **headers},
        timeout=timeout_seconds,
        follow_redirects=False,
        verify=httpx.create_ssl_context(),
    )


def _read_bounded(response: httpx.Response, *, most_bytes: int, timeout_seconds: float) -> bytes | None:
    """Read a body up to a size, and return None beyond that size.

    httpx limits the wait for each part only. A server that drips one byte at a time would hold the agent for ever, so the
    whole body has a deadline of its own.
    """
    deadline = time.monotonic() + 2 * timeout_seconds
    parts: list[bytes] = []
    total = 0
    for part in response.iter_bytes():
        total += len(part)
        parts.append(part)
        if total > most_bytes:
            return None
        if time.monotonic() > deadline:
            message = "the answer took too long"
            raise httpx.ReadTimeout(message)
    return b"".join(parts)


def _parse(content: bytes | None, *, status: int) -> object:
    if content is None:
        message = f"an answer of more than {MAX_ANSWER_BYTES} bytes"
        raise ServerBroken(message)
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        # A failure may come from a proxy, as a page of HTML: its status says enough.
        if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            message = "the answer is no JSON"
            raise ServerBroken(message) from error
        return None


def _poll_after(received: Received) -> float | None:
    """Return the wait until the next poll: from the body, else from the header (204 and 304 have no body)."""
    in_body = received.body.get("poll_after_s") if isinstance(received.body, dict) else None
    return answers.read_wait(in_body if in_body is not None else received.headers.get("X-Poll-After"))


def _name_without_address(error: Exception) -> str:
    """Describe an HTTP error; leave its text out where an address is in it, because a signed address is a credential."""
    text = str(error)
    return type(error).__name__ if "://" in text or not text else f"{type(error).__name__}: {text}"
