"""What whoever signals `make run` means: the server. make stays our parent and cannot become it.

make passes SIGTERM on, and a terminal sends SIGINT to both. Two cases are left: make is killed, which we would outlive as
an orphan, and make alone gets SIGINT, upon which it waits for us in silence.
"""

import os
import signal

from config.processes import prctl, process_table

NAMES = frozenset({"make", "gmake"})


def end_with_it() -> None:
    """Let the kernel kill us when the make goes that started us, if one did."""
    if process_table.read_name(os.getppid()) in NAMES:
        prctl.call(prctl.SET_PDEATHSIG, int(signal.SIGKILL))


def is_interrupted() -> bool:
    """Return whether our make handles a SIGINT: it waits for us in the handler, where that signal is blocked."""
    parent = os.getppid()
    return process_table.read_name(parent) in NAMES and signal.SIGINT in process_table.read_blocked_signals(parent)
