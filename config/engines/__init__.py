"""Owns the embedded engines of a home: PostgreSQL and Redis, run from the wheels' programs as children of ours.

`locate` is the one function that finds them, for web, worker, commands and tests alike:

    engines.locate(home).database_url       # and .redis_url; touches nothing
    engines.django_database(url)            # the same as Django's settings
    engines.celery_broker(url)              # the same as Celery writes it

    with engines.running(home, forgetful=True) as urls: ...      # tests: run them, stop them at the end
    with engines.ensure_running(home) as is_ours: ...            # use the server's, else run them for the block

    with engines.for_command(sys.argv): ...                      # manage.py

Knows nothing of Django's models or of what is stored.
"""

from config.engines.command import for_command
from config.engines.location import Engines, celery_broker, django_database, locate
from config.engines.session import EngineDidNotStart, ensure_running, is_answering, running

__all__ = [
    "EngineDidNotStart",
    "Engines",
    "celery_broker",
    "django_database",
    "ensure_running",
    "for_command",
    "is_answering",
    "locate",
    "running",
]
