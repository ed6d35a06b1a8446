"""Answers of the APIs: one class describes an answer for OpenAPI and renders it."""

from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from rest_framework import serializers

from core.api.rendering import Write, compile_serializer
from core.formats.times import rfc3339

_Source = TypeVar("_Source")


class Answer(serializers.Serializer[_Source]):
    """An answer that is rendered from a row or a dataclass. Requests are never read with it."""

    @classmethod
    def of(cls, source: _Source) -> dict[str, Any]:
        """Return the answer for one object, ready for JSON."""
        shown = _renderer(cls)(source)
        if not isinstance(shown, dict):
            raise TypeError(f"{cls.__name__} renders no JSON object.")
        return shown


@cache
def _renderer(answer: type[Answer[_Source]]) -> Write:
    # One function serves all rows: creating an instance copies all fields, which takes longer than rendering a row does.
    return compile_serializer(answer())


class TimeField(serializers.DateTimeField):
    """A time in UTC; ``timespec`` sets the number of digits."""

    def __init__(self, *, timespec: str = "auto", **kwargs: Any) -> None:
        self.timespec = timespec
        super().__init__(**kwargs)

    def to_representation(self, value: datetime) -> str:
        """Write the time."""
        return rfc3339(value, timespec=self.timespec)


class OptionalTextField(serializers.CharField):
    """A text; an empty text is written as null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, **kwargs})

    def to_representation(self, value: str) -> str | None:  # type: ignore[override]  # DRF's own is never null
        """Write the text, or null."""
        return value or None
