"""Two clocks, passed in: epoch seconds for time stamps, monotonic seconds for durations.

An edge device often starts with a wrong clock and corrects it later, so a difference of epoch seconds is no duration.
"""

import time
from pathlib import Path
from typing import Protocol

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """The agent's questions about time."""

    def now(self) -> float:
        """Return epoch seconds, which may be wrong and may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; two processes of the same boot can compare theirs."""
        ...

    def boot_id(self) -> str:
        """Return a name for this boot: monotonic seconds of two boots cannot be compared."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since a moment of this boot (CLOCK_MONOTONIC, which all processes share)."""
        return time.monotonic()

    def boot_id(self) -> str:
        """Return the kernel's boot id, or the time of the boot where the kernel has no such id."""
        if BOOT_ID.exists():
            return BOOT_ID.read_text(encoding="ascii").strip()
        return str(int(psutil.boot_time()))
