"""Who acts: a person, a program with an API token, a device, or the server itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """The name that the audit trail keeps for an action, written ``kind:name``."""

    kind: Literal["person", "token", "device", "system"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor(kind="system", name="modelfleet")
COMMAND: Final = Actor(kind="system", name="command")

_source: ContextVar[Callable[[], Actor]] = ContextVar("current_actor", default=lambda: COMMAND)


@contextmanager
def acting(source: Callable[[], Actor]) -> Iterator[None]:
    """Name the actor of all that happens inside, for changes that pass no verb. The source is asked only when somebody wants to know."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def current_actor() -> Actor:
    """Return who acts in this thread or task: the person of the request, else a command of the server."""
    return _source.get()()
