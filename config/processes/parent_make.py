"""Ends the server with the `make` that started it. A signal to `make run` is meant for the server.

make forwards SIGTERM, and a terminal sends SIGINT to make and to the server. Two cases are left. When make is killed, the
server would live on as an orphan. When make alone gets SIGINT, make waits for the server and sends it nothing.
"""

import os
import signal

from config.processes import prctl, process_table

NAMES = frozenset({"make", "gmake"})


def end_with_it() -> None:
    """Ask the kernel to kill this process when its parent ends, if the parent is make."""
    if process_table.read_name(os.getppid()) in NAMES:
        prctl.call(prctl.SET_PDEATHSIG, int(signal.SIGKILL))


def is_interrupted() -> bool:
    """Return whether the parent is a make that handles a SIGINT: it waits in its handler, where the signal is blocked."""
    parent = os.getppid()
    return process_table.read_name(parent) in NAMES and signal.SIGINT in process_table.read_blocked_signals(parent)
