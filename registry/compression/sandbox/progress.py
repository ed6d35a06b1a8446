"""Progress of a task, from the child to its parent: short JSON lines through a pipe.

The child never waits for its parent: a line that finds the pipe full is dropped. The parent believes nothing: it reads at most
one full pipe at a time, keeps the newest lines, and cleans their text.
"""

import math
import os
from typing import Final

import msgspec

_LONGEST_STEP: Final = 80
_LONGEST_LINE: Final = 512
_MOST_BYTES: Final = 1 << 16
_MOST_LINES: Final = 16


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a task, and how much of the step is done, from 0 to 1; None where the task cannot say."""

    step: str
    done: float | None = None


class _Channel:
    """The child's end of the pipe; without one, reports go nowhere, as in tests of a recipe."""

    descriptor: int | None = None


def open_channel(descriptor: int) -> None:
    """Let ``report`` write to this end of a pipe."""
    os.set_blocking(descriptor, False)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - os gives the argument no name
    _Channel.descriptor = descriptor


def report(step: str, done: float | None = None) -> None:
    """Tell the parent which step the task is at, e.g. ``report("calibrating", 0.34)``."""
    if _Channel.descriptor is None:
        return
    line = msgspec.json.encode(Report(step=step[:_LONGEST_STEP], done=done)) + b"\n"
    try:
        os.write(_Channel.descriptor, line)
    except OSError:
        # The pipe is full, or the parent is gone: progress is worth no wait and no error.
        return


class Reader:
    """The parent's end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._rest = b""

    def read(self) -> list[Report]:
        """Return the newest reports since the last call, oldest first, at most 16."""
        try:
            data = os.read(self._descriptor, _MOST_BYTES)
        except BlockingIOError:
            return []
        *lines, rest = (self._rest + data).split(b"\n")
        # A line without an end is no line of ours.
        self._rest = rest[-_LONGEST_LINE:]
        found = (_parse(line) for line in lines[-_MOST_LINES:])
        return [known for known in found if known is not None]


def _parse(line: bytes) -> Report | None:
    if len(line) > _LONGEST_LINE:
        return None
    try:
        found = msgspec.json.decode(line, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Report(step=_clean(found.step), done=_clip(found.done))


def _clean(text: str) -> str:
    """Cut the text, and put a space where a character does not print: a terminal or a page would act on it."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_STEP]).strip()


def _clip(done: float | None) -> float | None:
    return None if done is None or not math.isfinite(done) else min(1.0, max(0.0, done))
