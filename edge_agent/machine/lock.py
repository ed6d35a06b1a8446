"""One agent per home folder: two would undo each other's updates and send each other's batches."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge_agent.errors import AgentError


class HomeInUse(AgentError):
    """Another agent process works on this home folder."""

    code = "home_in_use"


@contextlib.contextmanager
def hold(home: Path) -> Iterator[None]:
    """Hold the home folder's lock; the kernel frees it when the process dies, however it dies.

    Raises:
        HomeInUse: another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another edge-agent works on {home}"
            raise HomeInUse(message) from error
        yield
    finally:
        os.close(descriptor)
