"""The installation's own secrets: taken from the environment, else made once under the home with mode 0600."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from config.environment import Environment


def secret_key(environment: Environment) -> str:
    """Return SECRET_KEY, made and kept in ``<home>/keys/secret_key`` where it is not set."""
    if environment.secret_key:
        return environment.secret_key
    return keep(environment.home / "keys" / "secret_key", make=lambda: secrets.token_urlsafe(64).encode()).decode()


def keep(path: Path, *, make: Callable[[], bytes]) -> bytes:
    """Return the file's content; make it first where it is new. Safe when several processes start at once."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the one
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_bytes()
