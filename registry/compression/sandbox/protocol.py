"""What the parent process and its child agree on: the files between them, their contents, and the signs of trouble."""

import errno
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from registry.compression.sandbox.limits import Limits

Answer = TypeVar("Answer")

REQUEST: Final = "request.json"
RESPONSE: Final = "response.json"
PROJECT_ROOT: Final = Path(__file__).resolve().parents[3]
# Exhausted or broken parts of the host, which say nothing about the model.
HOST_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EAGAIN}
)
# By name, since the child imports protobuf only where its task does: protobuf's when it has no memory for a copy.
MEMORY_ERRORS: Final = ("EncodeError",)
# How Python, the C++ library, the dynamic loader, OpenBLAS and ONNX Runtime say that there is no more memory.
MEMORY_SIGNS: Final = (
    "MemoryError",
    "bad_alloc",
    "bad allocation",
    "annot allocate memory",
    "failed to map segment",
    "Memory allocation still failed",
    "Failed to allocate memory",
    "Unable to allocate",
)


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Answer]):
    """A module with ``Request`` and ``run(request, *, job, limits)``; the child imports it when it is confined."""

    name: str
    module: str
    answer: type[Answer]
    # A task that starts other programs, as converters do. It runs only where the host has process namespaces.
    starts_processes: bool = False


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the launcher and the child read."""

    module: str
    parent_pid: int
    # The Python that runs the task, and the folders of its installed packages.
    interpreter: str
    installed: list[str]
    starts_processes: bool
    limits: Limits
    # The files that the task may open, beside what is installed.
    reads: list[str]
    request: msgspec.Raw


class Ending(StrEnum):
    """How a task ended; ``endings`` turns all but DONE into errors."""

    DONE = "done"
    REFUSED = "refused"
    OUT_OF_MEMORY = "out_of_memory"
    FILE_SIZE = "file_size"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the child writes."""

    ending: Ending
    detail: str = ""
    reason: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
