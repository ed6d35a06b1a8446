"""Receives request bodies within limits of bytes and of time, and hands each to Django as ``wsgi.input``."""

import asyncio
import io
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

from django.core.exceptions import RequestDataTooBig

from core.errors import DomainError, Kind, Unavailable
from registry.storage.upload_limits import UploadTooLarge

# The longest silence inside a body.
IDLE_SECONDS = 30.0
# An upload may take as long as it needs, but must come at this pace after its first minute: it holds a thread.
LEAST_BYTES_PER_SECOND = 16 * 1024
FREE_SECONDS = 60.0
# What one process holds of larger bodies, in all and of one caller, until they are answered. A fleet that sends its backlog at the same
# time must not use up the memory, and one caller must not use up the share of all others. Small bodies are not counted.
HELD_BYTES = 256 * 1024**2
HELD_BYTES_OF_ONE = 32 * 1024**2
# A client that is still sending sees an answer only if its bytes are taken for a while (RFC 9112, section 9.6).
DRAINED_BYTES = 1024**2
DRAIN_SECONDS = 1.0
# The last line of multipart/form-data: a boundary of at most 70 letters (RFC 2046, section 5.1.1), four dashes, line ends.
_TAIL_BYTES = 80


class BodyTruncated(OSError):
    """The connection ended before the body did. Django turns this error into UnreadablePostError."""


class BodyTooSlow(DomainError):
    """The body did not arrive in time."""

    code = "body_too_slow"
    kind = Kind.TIMEOUT


class TooManyBodies(Unavailable):
    """This process holds as many bytes of bodies as it may."""

    code = "too_many_bodies"


@dataclass(slots=True)
class Body:
    """One body that arrives.

    Attributes:
        chunks: Its bytes, as granian gives them.
        announced: Its Content-Length; None if it is sent in chunks.
        is_form: Whether it is multipart/form-data.
        content: What is held in memory until Django gets it.
        count: How many bytes have come.
        began: When it began, on the clock of the event loop.
    """

    chunks: AsyncIterator[bytes]
    announced: int | None
    is_form: bool
    content: bytearray = field(default_factory=bytearray)
    count: int = 0
    began: float = 0.0
    has_ended: bool = field(init=False)
    _tail: bytes = b""

    def __post_init__(self) -> None:
        self.has_ended = self.announced == 0

    @property
    def is_cut(self) -> bool:
        """Whether an ended body ended early. A body in chunks has no length, but a form has a last line."""
        if self.announced is not None:
            return self.count < self.announced
        return self.is_form and not self._tail.rstrip().endswith(b"--")

    async def receive(self, *, at_most: int, seconds: float, held: "Held | None" = None) -> bool:
        """Read until the body ends, or has more than ``at_most`` bytes; return whether it has ended.

        Raises:
            BodyTooSlow: It took longer than ``seconds``, or nothing came for 30 seconds.
            TooManyBodies: This process holds too many bytes already.
        """
        try:
            async with asyncio.timeout(seconds):
                while not self.has_ended and len(self.content) <= at_most:
                    part = await self.next()
                    if held is not None:
                        held.add(len(part))
                    self.content += part
        except TimeoutError as error:
            raise BodyTooSlow("The body did not arrive in time; nothing was kept.") from error
        return self.has_ended

    async def next(self) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            TimeoutError: Nothing came for 30 seconds.
        """
        async with asyncio.timeout(IDLE_SECONDS):
            try:
                part = await anext(self.chunks)
            except StopAsyncIteration:
                self.has_ended = True
                return b""
        self.count += len(part)
        self._tail = (self._tail + part)[-_TAIL_BYTES:]
        return part

    async def next_in_pace(self) -> bytes:
        """Return the next bytes of an upload; none at the end.

        Raises:
            TimeoutError: Nothing came for 30 seconds, or less than 16 KiB a second since the first minute.
        """
        now = asyncio.get_running_loop().time()
        self.began = self.began or now
        if self.count < (now - self.began - FREE_SECONDS) * LEAST_BYTES_PER_SECOND:
            raise TimeoutError
        return await self.next()

    async def drain(self) -> None:
        """Take the rest of a refused body, as far as it comes at once."""
        taken = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.has_ended and taken <= DRAINED_BYTES:
                    taken += len(await self.next())


class Held:
    """The bytes that one larger body holds, counted with those of all other bodies of this process, and of its caller."""

    _of: ClassVar[Counter[str]] = Counter()

    def __init__(self, caller: str) -> None:
        self._caller = caller
        self._count = 0

    def add(self, count: int) -> None:
        """Count bytes that came.

        Raises:
            TooManyBodies: There are too many now; these are not counted.
        """
        if self._of.total() + count > HELD_BYTES or self._of[self._caller] + count > HELD_BYTES_OF_ONE:
            raise TooManyBodies("Too many bodies arrive at the same time; send this one again later.")
        self._of[self._caller] += count
        self._count += count

    def release(self) -> None:
        """Count the bytes no longer."""
        self._of[self._caller] -= self._count
        if not self._of[self._caller]:
            del self._of[self._caller]


class WholeBody(io.BytesIO):
    """A body in memory. If it is shorter than it should be, reading to its end fails."""

    def __init__(self, body: Body) -> None:
        super().__init__(body.content)
        body.content.clear()
        self._is_cut = body.is_cut
        # Django reads nothing from an empty body, so it would not meet the end of one that is cut.
        self.length = body.announced or max(body.count, int(self._is_cut))

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes.

        Raises:
            BodyTruncated: The connection ended before the body did.
        """
        part = super().read(size)
        if self._is_cut and self.tell() == len(self.getbuffer()):
            raise BodyTruncated
        return part


class RefusedBody(io.RawIOBase):
    """A body that is larger than the caller may send."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        # More than nothing: for an empty body, Django and DRF read nothing, and accept.
        self.length = body.announced or 1

    def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002 - the form of the protocol
        """Refuse.

        Raises:
            RequestDataTooBig: Always.
        """
        raise RequestDataTooBig


class UploadStream(io.RawIOBase):
    """The body of an upload. The thread that reads it waits for each part, so uploads have threads of their own."""

    def __init__(self, body: Body, *, at_most: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._body, self._at_most, self._loop = body, at_most, loop
        # Django takes a form without a length for an empty one, and reads no further than the length.
        self.length = body.announced or sys.maxsize
        self._rest = bytes(body.content)
        body.content.clear()

    def read(self, size: int = -1, /) -> bytes:
        """Read at most ``size`` bytes, from the connection if none are left here.

        Raises:
            UploadTooLarge: The body is larger than uploads may be.
            BodyTruncated: The connection ended before the body, or the body came too slowly.
        """
        parts = list[bytes]()
        wanted = size
        while wanted != 0:
            if not self._rest:
                self._fill()
            if not self._rest:
                break
            part, self._rest = (self._rest, b"") if wanted < 0 else (self._rest[:wanted], self._rest[wanted:])
            parts.append(part)
            wanted = wanted - len(part) if wanted > 0 else wanted
        return b"".join(parts)

    def _fill(self) -> None:
        while not self._rest and not self._body.has_ended:
            if max(self._body.announced or 0, self._body.count) > self._at_most:
                raise UploadTooLarge(f"Uploads are limited to {self._at_most} bytes in all (MAX_UPLOAD_BYTES).")
            try:
                self._rest = asyncio.run_coroutine_threadsafe(self._body.next_in_pace(), self._loop).result()
            except TimeoutError as error:
                raise BodyTruncated from error
        if self._body.has_ended and self._body.is_cut:
            raise BodyTruncated
