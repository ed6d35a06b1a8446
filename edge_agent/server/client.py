"""The HTTP exchange with the server: time limits everywhere, answers bounded, no redirect followed, no token in an address.

Two clients on purpose: one carries the device token to the device API only, the other fetches files by signed URL and
has no token to lose.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from edge_agent.errors import AgentError
from edge_agent.server import answers
from edge_agent.version import __version__

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
USER_AGENT = f"modelfleet-edge-agent/{__version__}"
JSON_HEADERS = {"Content-Type": "application/json"}


class ServerTrouble(AgentError):
    """Passing trouble: try again later, after `retry_after_seconds` where the server said so."""

    code = "server_trouble"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unreachable(ServerTrouble):
    """No answer, or not in time."""

    code = "unreachable"


class Throttled(ServerTrouble):
    """429: over the rate."""

    code = "throttled"


class ServerBroken(ServerTrouble):
    """5xx, or an answer that makes no sense."""

    code = "server_broken"


class ServerRefusal(AgentError):
    """A 4xx that asking again does not change."""

    code = "server_refusal"

    def __init__(self, status: int, *, problem: str = "", detail: str = "") -> None:
        super().__init__(f"the server refused with {status} {problem}: {detail}".rstrip(": "))
        self.status = status
        self.problem = problem


class Unauthorized(ServerRefusal):
    """401: the token is unknown or revoked."""

    code = "unauthorized"


class Forbidden(ServerRefusal):
    """403: the token or the key may not."""

    code = "forbidden"


class FinalRefusal(ServerRefusal):
    """422: final for this body; `body` says what was kept and what was not."""

    code = "unprocessable"

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(422, problem=str(body.get("code", "")), detail=str(body.get("detail", "")))
        self.body = body


class Client:
    """The device API. Thread-confined; close it when done."""

    def __init__(self, server_url: str, *, timeout_seconds: float) -> None:
        self._server_url = server_url
        self._timeout_seconds = timeout_seconds
        options: dict[str, Any] = {
            "timeout": timeout_seconds,
            "follow_redirects": False,
            "verify": httpx.create_ssl_context(),
        }
        self._api = httpx.Client(headers={"User-Agent": USER_AGENT, "Accept": "application/json"}, **options)
        self._files = httpx.Client(headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}, **options)
        self.token: str | None = None

    def close(self) -> None:
        """Close both connections."""
        self._api.close()
        self._files.close()

    def enroll(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask for an identity: (201, the identity) or (202, {}) while a person has to accept."""
        status, _, answer = self._post("/api/devices/enroll", body, is_authenticated=False)
        return status, answer

    def latest(self, device_id: str, *, model: str | None, etag: str | None) -> answers.Answer:
        """Ask what the device should run.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: 4xx.
        """
        parameters = {"device_id": device_id} | ({"model": model} if model else {})
        headers = {"If-None-Match": etag} if etag else {}
        status, received, body = self._exchange("GET", "/api/models/latest", params=parameters, headers=headers)
        poll_after = _poll_after(received, body)
        if status == httpx.codes.NOT_MODIFIED:
            return answers.Answer(is_unchanged=True, etag=etag, poll_after_seconds=poll_after)
        if status == httpx.codes.NO_CONTENT:
            reason = received.get("X-Reason", "nothing is assigned")
            return answers.Answer(reason=reason, etag=received.get("ETag"), poll_after_seconds=poll_after)
        try:
            assignment = answers.read_assignment(body)
        except answers.BadAnswer as error:
            raise ServerBroken(str(error)) from error
        return answers.Answer(assignment=assignment, etag=received.get("ETag"), poll_after_seconds=poll_after)

    def report(self, body: Mapping[str, Any]) -> str:
        """Report a state of an attempt; return the state that the server holds."""
        _, _, answer = self._post("/api/devices/self/reports", body)
        return str(answer.get("state", ""))

    def heartbeat(self, body: Mapping[str, Any]) -> None:
        """Say that the device is alive, what it runs, and how it is."""
        self._post("/api/devices/self/heartbeat", body)

    def ingest(self, content: bytes) -> tuple[int, dict[str, Any]]:
        """Send a gzipped batch of telemetry; (200 | 422, the counts): both are final.

        Raises:
            ServerTrouble: try the same bytes again later.
            ServerRefusal: 4xx other than 422; 409 and 413 mean something to the caller.
        """
        headers = {**JSON_HEADERS, "Content-Encoding": "gzip"}
        try:
            status, _, answer = self._exchange("POST", "/api/ingest", content=content, headers=headers)
        except FinalRefusal as refusal:
            return refusal.status, refusal.body
        return status, answer if isinstance(answer, dict) else {}

    @contextlib.contextmanager
    def fetch(self, url: str, *, offset: int = 0) -> Iterator[httpx.Response]:
        """Open a file by its signed URL, from `offset` on, without any credentials.

        The caller looks at the status: 206 from the offset, 200 from the start, 416 past the end.

        Raises:
            ServerTrouble: the file cannot be had now; bytes that were read before it stay good. A refusal is passing too: the
                address may be too old, and the next answer brings a fresh one.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with self._files.stream("GET", url, headers=headers) as response:
                if response.status_code not in {200, 206, 416}:
                    _raise_for(response.status_code, response.headers, None)
                yield response
        except ServerRefusal as refusal:
            raise ServerBroken(f"the file server refuses with {refusal.status}") from refusal
        except httpx.HTTPError as error:
            raise Unreachable(f"file server: {_reason(error)}") from error

    def fetch_small(self, url: str, *, most_bytes: int) -> bytes:
        """Return a whole small file.

        Raises:
            ServerTrouble: it cannot be had now, or is larger than `most_bytes`.
        """
        with self.fetch(url) as response:
            content = _read_bounded(response, most_bytes=most_bytes, timeout_seconds=self._timeout_seconds)
        if content is None:
            raise ServerBroken(f"a small file of more than {most_bytes} bytes")
        return content

    def _post(
        self, path: str, body: Mapping[str, Any], *, is_authenticated: bool = True
    ) -> tuple[int, httpx.Headers, dict[str, Any]]:
        content = json.dumps(body, allow_nan=False).encode()
        status, headers, answer = self._exchange(
            "POST", path, content=content, headers=dict(JSON_HEADERS), is_authenticated=is_authenticated
        )
        return status, headers, answer if isinstance(answer, dict) else {}

    def _exchange(
        self, method: str, path: str, *, headers: dict[str, str], is_authenticated: bool = True, **request: Any
    ) -> tuple[int, httpx.Headers, Any]:
        if is_authenticated:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            with self._api.stream(method, self._server_url + path, headers=headers, **request) as response:
                content = _read_bounded(response, most_bytes=MAX_ANSWER_BYTES, timeout_seconds=self._timeout_seconds)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self._server_url}: {_reason(error)}") from error
        body = _parse(content, status=response.status_code)
        if response.status_code not in {200, 201, 202, 204, 304}:
            _raise_for(response.status_code, response.headers, body)
        return response.status_code, response.headers, body


def _raise_for(status: int, headers: httpx.Headers, body: Any) -> None:
    problem = body if isinstance(body, dict) else {}
    code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled("the server asks to slow down", retry_after_seconds=_retry_after(headers))
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}:
        raise ServerBroken(f"the server failed with {status}", retry_after_seconds=_retry_after(headers))
    if status == httpx.codes.UNAUTHORIZED:
        raise Unauthorized(status, problem=code, detail=detail)
    if status == httpx.codes.FORBIDDEN:
        raise Forbidden(status, problem=code, detail=detail)
    if status == httpx.codes.UNPROCESSABLE_ENTITY:
        raise FinalRefusal(problem)
    if httpx.codes.is_redirect(status):
        detail = "a redirect, which is never followed with credentials; correct server_url"
    raise ServerRefusal(status, problem=code, detail=detail)


def _read_bounded(response: httpx.Response, *, most_bytes: int, timeout_seconds: float) -> bytes | None:
    """Read a body up to a size (None beyond it) and within a time: a body that drips must not hold the agent."""
    deadline = time.monotonic() + 2 * timeout_seconds
    parts: list[bytes] = []
    total = 0
    for part in response.iter_bytes():
        total += len(part)
        parts.append(part)
        if total > most_bytes:
            return None
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer took too long")
    return b"".join(parts)


def _parse(content: bytes | None, *, status: int) -> Any:
    if content is None:
        raise ServerBroken(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        if status in {200, 201}:
            raise ServerBroken("the answer is no JSON") from error
        return None


def _retry_after(headers: httpx.Headers) -> float | None:
    return _seconds(headers.get("Retry-After"))


def _poll_after(headers: httpx.Headers, body: Any) -> float | None:
    in_body = body.get("poll_after_s") if isinstance(body, dict) else None
    return _seconds(in_body if in_body is not None else headers.get("X-Poll-After"))


def _seconds(value: object) -> float | None:
    """Read a wait that the server wishes; a senseless wish is none."""
    if not isinstance(value, int | float | str):
        return None
    try:
        return answers.seconds(float(value), "wait")
    except (ValueError, answers.BadAnswer):
        return None


def _reason(error: Exception) -> str:
    """Name an HTTP error without its request: a signed URL is a credential."""
    text = str(error)
    return type(error).__name__ if "://" in text or not text else f"{type(error).__name__}: {text}"
