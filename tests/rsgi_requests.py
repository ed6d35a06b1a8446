"""Sends requests to the server's application in this process, as granian does. So a body may stop, stall or come in pieces."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from django.db import connections

from config.http.application import Application
from config.wsgi import application as django

# In a list of pieces: the client is silent from here on, with its connection open.
SILENCE = b"\0silence\0"
# In a list of pieces: the client waits for a moment.
PAUSE = b"\0pause\0"


@dataclass
class Headers:
    """As granian's: all names, and the values that are ASCII."""

    pairs: list[tuple[str, str]]

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def get(self, name: str, default: str) -> str:
        return dict(self.items()).get(name, default)

    def keys(self) -> list[str]:
        return [name for name, _ in self.pairs]

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.pairs if value.isascii()]


@dataclass
class Scope:
    method: str
    path: str
    headers: Headers
    query_string: str = ""
    client: str = "127.0.0.1:40000"
    server: str = "127.0.0.1:8000"
    scheme: str = "http"
    http_version: str = "1.1"
    authority: str | None = None


@dataclass
class Connection:
    """Gives the pieces of a body, and keeps the answer."""

    pieces: Sequence[bytes]
    taken: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if piece in {SILENCE, PAUSE}:
                await asyncio.sleep(3600 if piece == SILENCE else 0.01)
                continue
            self.taken += len(piece)
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.content = status, {name.lower(): value for name, value in headers}, body


def get(address: str, headers: dict[str, str] | None = None) -> Connection:
    """Ask without a body."""
    return post(address, [], announced=0, headers=headers, method="GET")


def post(
    address: str,
    pieces: Sequence[bytes],
    *,
    announced: int | None,
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> Connection:
    """Send a body in pieces. ``announced`` is its Content-Length; None sends it in chunks."""
    path, _, query = address.partition("?")
    length = {"transfer-encoding": "chunked"} if announced is None else {"content-length": str(announced)}
    pairs = {"host": "localhost", **length, **{name.lower(): value for name, value in (headers or {}).items()}}
    connection = Connection(pieces)
    application = Application(django, threads=1, upload_threads=1)
    asyncio.run(application.__rsgi__(Scope(method, path, Headers(list(pairs.items())), query), connection))
    for executor in application.executors:
        # Each thread has a connection of its own to the database.
        executor.submit(connections.close_all).result()
        executor.shutdown()
    return connection
