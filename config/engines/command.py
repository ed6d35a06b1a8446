"""Gives a `manage.py` command the database and the broker that it needs, whether the server runs or not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config.engines import session

# `run` starts the engines itself; the others read the code alone.
NEED_NO_ENGINES = frozenset({
    "run", "help", "version", "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "makemessages",
    "spectacular", "startapp", "startproject",
})  # fmt: skip
# Those that are about migrations must find the database as it is.
MIGRATE_THEMSELVES = frozenset(
    {"makemigrations", "migrate", "optimizemigration", "prepare", "showmigrations", "sqlmigrate"}
)


@contextmanager
def for_command(arguments: list[str]) -> Iterator[None]:
    """Let the command in `sys.argv` run with engines that answer: the server's, else our own for as long as it takes.

    With engines of our own nobody else is there, so migrations are applied first: the home may be new, or the code newer.
    """
    if not needs_engines(arguments):
        yield
        return
    from config.environment import environment  # noqa: PLC0415 - `help` must work whatever the settings are

    with_postgresql, with_redis = environment.database_url is None, environment.redis_url is None
    if not (with_postgresql or with_redis):
        yield
        return
    with session.ensure_running(environment.home, with_postgresql=with_postgresql, with_redis=with_redis) as is_ours:
        if is_ours and with_postgresql and arguments[1] not in MIGRATE_THEMSELVES:
            _apply_migrations()
        yield


def needs_engines(arguments: list[str]) -> bool:
    """Return whether a command line is about more than the code."""
    asks_for_help = {"-h", "--help", "--version"} & set(arguments[1:])
    return len(arguments) > 1 and not asks_for_help and arguments[1] not in NEED_NO_ENGINES


def _apply_migrations() -> None:
    import django  # noqa: PLC0415 - everything else here works while settings are still being imported
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    # Standard output is the command's own: a script may read a token from it.
    call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
