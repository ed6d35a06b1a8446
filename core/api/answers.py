"""Answers of the APIs: one class describes an answer for OpenAPI and renders it."""

from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from rest_framework import serializers

from core.formats.times import rfc3339

_Source = TypeVar("_Source")


class Answer(serializers.Serializer[_Source]):
    """An answer that is rendered from a typed object: a row, or a dataclass. Nothing is ever read with it."""

    @classmethod
    def of(cls, source: _Source) -> dict[str, Any]:
        """Return what the API answers for one object, as JSON keeps it."""
        rendered: dict[str, Any] = _renderer(cls).to_representation(source)
        return rendered


@cache
def _renderer(answer: type[Answer[Any]]) -> Answer[Any]:
    # An instance copies all its fields, which costs more than rendering one row. Rendering changes nothing in it.
    return answer()


class TimeField(serializers.DateTimeField):
    """A time in UTC; ``timespec`` says how many digits it gets."""

    def __init__(self, *, timespec: str = "auto", **kwargs: Any) -> None:
        self.timespec = timespec
        super().__init__(**kwargs)

    def to_representation(self, value: datetime) -> str:
        """Write it."""
        return rfc3339(value, timespec=self.timespec)


class OptionalTextField(serializers.CharField):
    """A text; an empty one is null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, **kwargs})

    def to_representation(self, value: str) -> str | None:  # type: ignore[override]  # DRF's own is never null
        """Write it."""
        return value or None
