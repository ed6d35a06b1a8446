"""The web server's door: Django behind a body that is checked against what was announced."""

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.core.wsgi import get_wsgi_application

from config.environment import environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_django = get_wsgi_application()
_SPOOL_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_DRAINED_BYTES = 1024 * 1024


class BodyTruncated(OSError):
    """The client hung up before it had sent what it announced. Django turns it into UnreadablePostError."""


class AnnouncedBody:
    """A request body that refuses to end early; granian's own ends without a word (docs/adr/0005)."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._missing = length

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes.

        Raises:
            BodyTruncated: The stream ended before the announced length.
        """
        wanted = self._missing if size < 0 else min(size, self._missing)
        parts = []
        while wanted > 0:
            part = self._stream.read(min(wanted, _CHUNK_BYTES))
            if not part:
                raise BodyTruncated
            parts.append(part)
            wanted -= len(part)
            self._missing -= len(part)
        return b"".join(parts)

    def drain(self) -> None:
        """Read what a view that refused early has left, up to 1 MiB.

        Else the server closes the connection behind the answer, and the client's next request on it fails.
        """
        if self._missing <= _DRAINED_BYTES:
            with suppress(BodyTruncated):
                self.read()

    def readline(self, size: int = -1) -> bytes:
        """Read one line, bytewise; only Django's line iteration asks for it."""
        line = bytearray()
        while self._missing and (size < 0 or len(line) < size) and not line.endswith(b"\n"):
            line += self.read(1)
        return bytes(line)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve one request."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        environ["wsgi.input"] = body = AnnouncedBody(environ["wsgi.input"], int(length))
        response = _django(environ, start_response)
        body.drain()
        return response
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        return _serve_chunked(environ, start_response)
    return _django(environ, start_response)


def _serve_chunked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Spool a chunked body first, so that it has the length that Django goes by. Answers to those are short."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        # A little over the cap is enough for the upload handlers to refuse it.
        while spool.tell() <= environment.max_upload_bytes and (part := environ["wsgi.input"].read(_CHUNK_BYTES)):
            spool.write(part)
        environ["CONTENT_LENGTH"] = str(spool.tell())
        spool.seek(0)
        environ["wsgi.input"] = spool
        response = _django(environ, start_response)
        try:
            return [b"".join(response)]
        finally:
            response.close()
