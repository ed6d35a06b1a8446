"""What the machine has for sandboxed tasks."""

from pathlib import Path
from typing import Final

_CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# The rest is for the server, its engines and the page cache.
_SHARE: Final = 3 / 4


def choose_memory_bytes() -> int:
    """Return how much memory a sandboxed task may have here: three quarters of the machine's, or of the container's."""
    return int(_SHARE * min([_read_total(), *_read_container_limits()]))


def _read_total() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))


def _read_container_limits() -> list[int]:
    limits = []
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            # "max" is no number, and one of the two files is always missing.
            continue
    return limits
