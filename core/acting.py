"""Who acts in this thread or task, for changes that pass no verb: the person of the request, else a command of the server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from core.actors import Actor

COMMAND: Final = Actor(kind="system", name="command")

_source: ContextVar[Callable[[], Actor]] = ContextVar("acting", default=lambda: COMMAND)


@contextmanager
def on_behalf_of(source: Callable[[], Actor]) -> Iterator[None]:
    """Name the actor of all that happens inside. The source is asked only when somebody wants to know."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def current() -> Actor:
    """Return who acts now."""
    return _source.get()()
