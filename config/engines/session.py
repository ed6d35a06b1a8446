"""Runs the embedded engines until a block ends: for tests, and for commands while the server is down.

1. Take the home's lock, and end the processes that an earlier run left.
2. Start PostgreSQL and Redis, or the one of them that is wanted, and wait until they answer.
3. Stop Redis, then PostgreSQL, also when the block raises.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.engines import folders, location, postgresql, redis_server
from config.engines.engine import Engine
from config.engines.location import Engines
from config.processes import groups, lock, process_table, spawning
from core.errors import DomainError, Kind

START_SECONDS = 60
STOP_SECONDS = 10
POLL_SECONDS = 0.02
LOCK_POLL_SECONDS = 0.2


class EngineDidNotStart(DomainError):
    """An embedded engine ended during its start, or did not answer in time."""

    code = "engine_did_not_start"
    kind = Kind.UNAVAILABLE


@contextmanager
def running(
    home: Path, *, with_postgresql: bool = True, with_redis: bool = True, forgetful: bool = False
) -> Iterator[Engines]:
    """Run a home's engines until the block ends.

    Args:
        home: The folder of their data; made if it is missing.
        with_postgresql: False if DATABASE_URL names another database.
        with_redis: False if REDIS_URL names another Redis.
        forgetful: Faster, but data may be lost when the machine crashes; for tests.

    Raises:
        HomeInUse: when a server or another command runs on this home.
        EngineDidNotStart: with the last lines of the engine's log.
    """
    with lock.hold(home, purpose=lock.Purpose.COMMAND), ExitStack() as stack:
        places, run = location.find_places(home), spawning.begin_run(home)
        stack.callback(folders.remove_empty, places.postgresql_sockets, places.redis_sockets)
        if with_postgresql:
            stack.enter_context(_run_engine(postgresql.describe(home, forgetful=forgetful), run=run, home=home))
        if with_redis:
            stack.enter_context(_run_engine(redis_server.describe(home, forgetful=forgetful), run=run, home=home))
        yield location.locate(home)


def is_answering(home: Path, *, with_postgresql: bool = True, with_redis: bool = True) -> bool:
    """Return whether the wanted engines of the home answer."""
    engines, places = location.locate(home), location.find_places(home)
    # A server that listens in a folder of another user is not this home's engine, even if it answers.
    if with_postgresql and not (
        folders.is_private(places.postgresql_sockets) and postgresql.is_answering(engines.database_url)
    ):
        return False
    return not with_redis or (folders.is_private(places.redis_sockets) and redis_server.is_answering(engines.redis_url))


@contextmanager
def ensure_running(home: Path, *, with_postgresql: bool = True, with_redis: bool = True) -> Iterator[bool]:
    """Use the engines that a server runs on this home, else run them until the block ends. Yields whether it runs them.

    While a server starts, wait until it is ready. While another command runs the engines, wait until it has ended.

    Raises:
        HomeInUse: when the wait takes more than a minute.
    """
    deadline = time.monotonic() + START_SECONDS
    # Try the lock first. If the engines were asked first, another process could start them between question and start.
    with ExitStack() as stack:
        is_ours: bool | None = None
        while is_ours is None:
            try:
                stack.enter_context(running(home, with_postgresql=with_postgresql, with_redis=with_redis))
                is_ours = True
            except lock.HomeInUse as error:
                if _may_use(error.holder) and is_answering(
                    home, with_postgresql=with_postgresql, with_redis=with_redis
                ):
                    is_ours = False
                elif time.monotonic() > deadline:
                    raise
                else:
                    time.sleep(LOCK_POLL_SECONDS)
        yield is_ours


def _may_use(holder: lock.Holder | None) -> bool:
    """Return whether the holder's engines are ready and outlive this process: a server's, or those of an ancestor."""
    if holder is None:
        return False
    is_server = holder.purpose is lock.Purpose.SERVER and holder.is_ready
    return is_server or holder.pid in process_table.list_ancestors()


@contextmanager
def _run_engine(engine: Engine, *, run: spawning.Run, home: Path) -> Iterator[None]:
    engine.prepare()
    log = home / "log" / f"{engine.name}.log"
    folders.make_private(log.parent, owner=os.getuid())  # PostgreSQL's errors quote data
    with log.open("wb") as output:
        process = spawning.spawn(engine.command, run=run, name=engine.name, end_signal=engine.end_signal, output=output)
    try:
        _wait_for(engine, process=process, log=log)
        yield
    finally:
        groups.end(lambda: groups.list_members(process.pid), first=engine.stop_signal, grace_seconds=STOP_SECONDS)
        process.wait()
        groups.erase_record(run.records, name=engine.name)


def _wait_for(engine: Engine, *, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not engine.is_answering():
        if process.poll() is not None or time.monotonic() > deadline:
            said = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise EngineDidNotStart(f"the embedded {engine.name} did not start:\n{said}")
        time.sleep(POLL_SECONDS)
