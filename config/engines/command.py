"""Gives a `manage.py` command the engines that it needs, whether the server runs or not."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config import home as homes
from config.engines import session

# `run` starts the engines itself. The others read nothing but the code.
NEED_NO_ENGINES = frozenset({
    "run", "help", "version", "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "makemessages",
    "spectacular", "startapp", "startproject",
})  # fmt: skip
# Commands about migrations must find the database as it is.
MIGRATE_THEMSELVES = frozenset(
    {"makemigrations", "migrate", "optimizemigration", "prepare", "showmigrations", "sqlmigrate"}
)


@contextmanager
def for_command(arguments: list[str]) -> Iterator[None]:
    """Run the block with engines that answer: the server's, else engines that run until the block ends.

    No other process uses engines that run for the block, so migrations are applied first: the home may be new, or its
    tables older than the code.
    """
    if not needs_engines(arguments):
        yield
        return
    from config.environment import environment  # noqa: PLC0415 - `help` must work with settings that are wrong

    os.umask(homes.UMASK)
    with_postgresql, with_redis = environment.database_url is None, environment.redis_url is None
    if not (with_postgresql or with_redis):
        yield
        return
    with session.ensure_running(environment.home, with_postgresql=with_postgresql, with_redis=with_redis) as is_ours:
        if is_ours and with_postgresql and arguments[1] not in MIGRATE_THEMSELVES:
            _apply_migrations()
        yield


def needs_engines(arguments: list[str]) -> bool:
    """Return whether a command line needs the database or the broker."""
    asks_for_help = {"-h", "--help", "--version"} & set(arguments[1:])
    return len(arguments) > 1 and not asks_for_help and arguments[1] not in NEED_NO_ENGINES


def _apply_migrations() -> None:
    import django  # noqa: PLC0415 - the rest of this module works while Django's settings are still being imported
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    # Standard output belongs to the command: a script may read a token from it.
    call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
