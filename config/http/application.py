"""An application of RSGI: bodies arrive in the event loop, Django runs in threads."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

from config.http import admission
from config.http.admission import Allowance
from config.http.answer import Answer, collect, refuse
from config.http.bodies import Body, Held, RefusedBody, UploadStream, WholeBody
from config.http.environ import Scope, make_environ
from core.errors import DomainError

SMALL_BODY_SECONDS = 30.0
LARGE_BODY_SECONDS = 600.0
logger = logging.getLogger(__name__)

# In each process. An upload holds its thread until it has arrived.
UPLOAD_THREADS = 4
# These have a thread each, so that they are answered while all other threads are busy.
HEALTH_PATHS = ("/livez", "/readyz")


class Connection(Protocol):
    """The connection of one request, as far as it is used here (RSGI specification, HTTP protocol)."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the bytes of the body."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send the answer."""
        ...


class Application:
    """Receives requests and answers them with Django."""

    def __init__(self, django: WSGIApplication, *, threads: int, upload_threads: int = UPLOAD_THREADS) -> None:
        self._django = django
        self._requests = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._uploads = ThreadPoolExecutor(upload_threads, thread_name_prefix="upload")
        self._health = {path: ThreadPoolExecutor(1, thread_name_prefix=path) for path in HEALTH_PATHS}
        self.executors = (self._requests, self._uploads, *self._health.values())

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Take no more work; granian calls it when the process ends."""
        for executor in self.executors:
            executor.shutdown(wait=False, cancel_futures=True)

    async def __rsgi__(self, scope: Scope, connection: Connection) -> None:
        """Answer one request. If its body was not read to the end, the connection ends."""
        body = _describe_body(scope, aiter(connection))
        try:
            answer = await self._answer(make_environ(scope), body)
        except DomainError as refusal:
            answer = refuse(refusal)
            logger.warning("%s %s from %s: %s", scope.method, scope.path, scope.client, refusal.code)
        if not body.has_ended:
            # A client that asks before it sends has sent nothing yet (RFC 9110, section 10.1.1). Reading would tell it to begin.
            if "expect" not in scope.headers or body.count:
                await body.drain()
            answer.headers.append(("Connection", "close"))
        connection.response_bytes(answer.status, answer.headers, answer.content)

    async def _answer(self, environ: WSGIEnvironment, body: Body) -> Answer:
        """Decide where the body goes, and call Django.

        Raises:
            BodyTooSlow: The body did not arrive in time.
            TooManyBodies: This process holds too many unfinished bodies.
        """
        if health := self._health.get(environ["PATH_INFO"]):
            return await self._call(environ, WholeBody(body), health)
        if body.has_ended or await _arrives(body, at_most=admission.SMALL_BYTES, seconds=SMALL_BODY_SECONDS):
            return await self._call(environ, WholeBody(body), self._requests)
        loop = asyncio.get_running_loop()
        allowed = await loop.run_in_executor(self._requests, admission.admit, environ)
        if allowed.is_upload:
            stream = UploadStream(body, at_most=allowed.count, loop=loop)
            return await self._call(environ, stream, self._uploads)
        return await self._answer_large(environ, body, allowed)

    async def _answer_large(self, environ: WSGIEnvironment, body: Body, allowed: Allowance) -> Answer:
        held = Held(allowed.caller)
        try:
            arrives = _arrives(body, at_most=allowed.count, seconds=LARGE_BODY_SECONDS, held=held)
            return await self._call(environ, WholeBody(body) if await arrives else RefusedBody(body), self._requests)
        finally:
            held.release()

    async def _call(
        self, environ: WSGIEnvironment, body: WholeBody | RefusedBody | UploadStream, threads: Executor
    ) -> Answer:
        environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(body.length)}
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, collect, self._django, environ)


async def _arrives(body: Body, *, at_most: int, seconds: float, held: Held | None = None) -> bool:
    if (body.announced or 0) > at_most or len(body.content) > at_most:
        return False
    return await body.receive(at_most=at_most, seconds=seconds, held=held)


def _describe_body(scope: Scope, chunks: AsyncIterator[bytes]) -> Body:
    length, kind = scope.headers.get("content-length", "0"), scope.headers.get("content-type", "")
    return Body(
        chunks,
        announced=None if "transfer-encoding" in scope.headers else int(length or 0),
        is_form=kind.lower().startswith("multipart/form-data"),
    )
