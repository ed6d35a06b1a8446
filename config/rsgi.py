"""The application that granian runs: Django behind ``config.http``."""

from typing import TYPE_CHECKING

from config.environment import environment
from config.wsgi import application as django

if TYPE_CHECKING:
    from config.http.application import Application


def _make_application() -> "Application":
    from config.http.application import Application  # noqa: PLC0415 - Django loads the models first

    return Application(django, threads=environment.web_threads)


application = _make_application()
"""Receives bodies in an event loop, and runs Django in threads."""
