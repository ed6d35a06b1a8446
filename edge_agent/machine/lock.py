"""The lock of the home folder: two agents in one home would undo each other's updates and send each other's batches."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge_agent.errors import AgentError

LOCK_FILE = "agent.lock"


class HomeInUse(AgentError):
    """Another agent process holds this home folder."""

    code = "home_in_use"


@contextlib.contextmanager
def hold(home: Path) -> Iterator[None]:
    """Hold the home folder's lock. The kernel frees it when the process ends, even by a kill, so no lock is ever stale.

    Raises:
        HomeInUse: another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    # O_CLOEXEC: a self-test's child process must not inherit the lock and outlive the agent with it.
    descriptor = os.open(home / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another edge-agent works on {home}"
            raise HomeInUse(message) from error
        yield
    finally:
        os.close(descriptor)
