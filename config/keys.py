"""Secrets of this installation: from the environment, or made once in the home with mode 0600."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from config.environment import Environment


def secret_key(environment: Environment) -> str:
    """Return SECRET_KEY, or the key in ``<home>/keys/secret_key`` if the setting is empty."""
    if environment.secret_key:
        return environment.secret_key
    return keep(environment.home / "keys" / "secret_key", make=lambda: secrets.token_urlsafe(64).encode()).decode()


def keep(path: Path, *, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file, and make the file if it is missing. Several processes may do so at the same time."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    # A hard link never replaces a file: if another process was first, its key stays and is used here too.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_bytes()
