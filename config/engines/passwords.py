"""The passwords of a home's engines: one file each below `keys/`, mode 0600, made by the first process that asks for it.

A password never stands on a command line or in the environment, where other processes could read it, and in no log.
"""

import secrets
from enum import StrEnum
from pathlib import Path

from config import home as homes
from config import keys

# 256 bits, as letters, digits, `-` and `_`: none of them needs an escape in a URL, in SQL or in Redis's file.
RANDOM_BYTES = 32


class Password(StrEnum):
    """A password, by the name of its file."""

    POSTGRESQL = "postgresql_password"
    POSTGRESQL_SUPERUSER = "postgresql_superuser_password"
    REDIS = "redis_password"


def read(home: Path, password: Password) -> str:
    """Return a password of this home, and make it if its file is missing."""
    homes.make(home)
    path = home / "keys" / password
    return keys.keep(path, make=lambda: secrets.token_urlsafe(RANDOM_BYTES).encode()).decode().strip()
