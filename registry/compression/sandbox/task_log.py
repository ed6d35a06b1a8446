"""What a task wrote to its standard error, cut and cleaned for people.

The file stands beside the job folder, where the task cannot put a link in its place.
"""

import os
import re
from pathlib import Path
from typing import Final

from registry.compression.sandbox import job_files
from registry.compression.sandbox.endings import TaskFailed
from registry.compression.sandbox.limits import GIBIBYTE, MEBIBYTE

_SHOWN_BYTES: Final = 16 * 1024
_LONGEST_LINE: Final = 500
# Colors for a terminal, which ONNX Runtime writes (ECMA-48, 5.4 and 8.3.117).
_COLORS: Final = re.compile(r"\x1b\[[0-9;]*m")


def place(job: Path) -> Path:
    """Return where the log of this job is."""
    return job.with_name(f"{job.name}.log")


def read(job: Path) -> str:
    """Return the end of a task's log for people: at most 16 KiB, printable, without paths of the server.

    Empty where there is none. A file of the server is shown by its name alone.
    """
    lines = read_tail(job).splitlines()
    return "\n".join(_hide_paths(_clean(line[:_LONGEST_LINE])) for line in lines)


def read_tail(job: Path) -> str:
    """Return the end of a task's log as the task wrote it, for the server's own log."""
    path = place(job)
    try:
        with job_files.open_file(path.parent, path.name, max_bytes=64 * GIBIBYTE) as descriptor:
            start = max(0, os.fstat(descriptor).st_size - _SHOWN_BYTES)
            return os.pread(descriptor, MEBIBYTE, start)[:_SHOWN_BYTES].decode("utf-8", "replace")
    except TaskFailed:
        return ""


def _clean(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in _COLORS.sub("", line))


def _hide_paths(line: str) -> str:
    """Leave the last part of each path that begins in a folder of the server's root. Names of nodes look like paths, too."""
    tops = "|".join(re.escape(name) for name in sorted(os.listdir("/"), key=len, reverse=True))  # noqa: PTH208
    return re.sub(rf"(?<![\w/])/(?:{tops})/(?:[^\s\"'<>:;,()/]+/)*([^\s\"'<>:;,()/]*)", r"…/\1", line)
