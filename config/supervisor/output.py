"""Relays the children's lines to one file descriptor, each with its child's name, and never blocks on it.

The reader of the server's output may have stopped reading. The children must go on all the same, so lines wait in
memory. When too many wait, the oldest are dropped.
"""

import os
import select
from collections import deque

LONGEST_QUEUE = 5_000
# A pipe that polls as writable takes this much without blocking (pipe(7), PIPE_BUF).
LONGEST_WRITE_BYTES = 4_096


class Output:
    """The lines of all children that wait to be written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: deque[bytes] = deque()
        self._dropped_count = 0
        self._is_broken = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def add(self, name: str, line: bytes | str) -> None:
        """Queue one line."""
        text = line.encode() if isinstance(line, str) else line
        whole = f"{name:<9}| ".encode() + text.rstrip(b"\r\n") + b"\n"
        if len(self._queue) >= LONGEST_QUEUE:
            self._queue.popleft()
            self._dropped_count += 1
        self._queue.extend(
            whole[start : start + LONGEST_WRITE_BYTES] for start in range(0, len(whole), LONGEST_WRITE_BYTES)
        )

    @property
    def is_waiting(self) -> bool:
        """Whether lines wait for a reader that is still there."""
        return bool(self._queue) and not self._is_broken

    def flush(self) -> None:
        """Write the lines that can be written now without blocking."""
        while self.is_waiting and self._is_writable():
            if self._dropped_count:
                self._queue.appendleft(f"supervisor| {self._dropped_count} older lines dropped\n".encode())
                self._dropped_count = 0
            part = self._queue.popleft()
            try:
                written = os.write(self._descriptor, part)
            except OSError:
                self._is_broken = True
                return
            if written < len(part):
                self._queue.appendleft(part[written:])

    def _is_writable(self) -> bool:
        events = dict(self._poll.poll(0)).get(self._descriptor, 0)
        if events & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            self._is_broken = True
        return not self._is_broken and bool(events & select.POLLOUT)


class LineReader:
    """Cuts the bytes that arrive on a child's pipe into lines."""

    LONGEST_LINE_BYTES = 16_384
    # A child that writes without a pause must not keep the supervisor from the other children.
    MOST_READS = 32

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = b""
        os.set_blocking(descriptor, False)

    def read(self) -> tuple[list[bytes], bool]:
        """Return the complete lines, and whether the pipe has ended. The last line may be cut off there."""
        lines = list[bytes]()
        for _ in range(self.MOST_READS):
            try:
                arrived = os.read(self.descriptor, 65_536)
            except BlockingIOError:
                return lines, False
            if not arrived:
                return lines + ([self._rest] if self._rest else []), True
            *whole, self._rest = (self._rest + arrived).split(b"\n")
            lines += whole
            if len(self._rest) > self.LONGEST_LINE_BYTES:
                lines.append(self._rest)
                self._rest = b""
        return lines, False
