"""The WSGI application: Django, with request bodies whose length is checked."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from wsgiref.types import InputStream, StartResponse, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

from config.environment import environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_django = get_wsgi_application()
_SPOOL_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_DRAINED_BYTES = 1024 * 1024


class BodyTruncated(OSError):
    """The connection ended before the announced length. Django turns this error into UnreadablePostError."""


class AnnouncedBody:
    """A request body that raises an error when it ends early. granian's own body ends like a complete one (docs/adr/0005)."""

    def __init__(self, stream: InputStream, length: int) -> None:
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
        """Read the rest of the body if it is at most 1 MiB.

        A view that refuses early leaves a rest. The server would close the connection after the answer, and the client's next
        request on this connection would fail.
        """
        if self._missing <= _DRAINED_BYTES:
            with suppress(BodyTruncated):
                self.read()

    def readline(self, size: int = -1) -> bytes:
        """Read one line, byte by byte. Django calls it only to iterate over the lines of a body."""
        line = bytearray()
        while self._missing and (size < 0 or len(line) < size) and not line.endswith(b"\n"):
            line += self.read(1)
        return bytes(line)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
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


def _serve_chunked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Receive a chunked body completely, because Django needs its length. The answers are short, so they are read at once."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        # One chunk above the limit is enough: the upload handlers refuse the body then.
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
