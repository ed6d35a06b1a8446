"""Time, injected: wall-clock for stamps, monotonic for durations, because an edge device often starts with a wrong clock."""

import time
from pathlib import Path
from typing import Protocol

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the agent asks of time."""

    def now(self) -> float:
        """Return epoch seconds, which may be wrong and may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; comparable between processes of the same boot."""
        ...

    def boot_id(self) -> str:
        """Return a name for this boot: monotonic seconds of another boot mean nothing."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some moment of this boot (CLOCK_MONOTONIC is one clock for all processes)."""
        return time.monotonic()

    def boot_id(self) -> str:
        """Return the kernel's boot id, or the boot time where there is none."""
        if BOOT_ID.exists():
            return BOOT_ID.read_text(encoding="ascii").strip()
        return str(int(psutil.boot_time()))
