"""Owns the embedded engines of a home: PostgreSQL and Redis, started from the programs in two wheels.

`locate` is the one function that finds them. The web server, the workers, the commands and the tests all use it:

    engines.locate(home).database_url       # and .redis_url, with its password; starts nothing
    engines.django_database(url)            # the same address as Django's settings
    engines.celery_broker(url)              # the same address as Celery's setting

    with engines.running(home, forgetful=True) as urls: ...      # tests: run the engines until the block ends
    with engines.ensure_running(home) as is_ours: ...            # use the server's engines, else run them for the block

    with engines.for_command(sys.argv): ...                      # manage.py

Knows nothing of Django's models or of the data in the engines.
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
