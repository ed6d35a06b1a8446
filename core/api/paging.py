"""Keyset pages: ``?limit=`` (at most 500) and ``?cursor=``, answered as ``{"results", "next"}``.

A cursor is the key of the last row of the page before. So every page costs the same, and new rows do not move the others.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from core.errors import Invalid
from core.formats.json_depth import is_too_deep

MAX_LIMIT = 500
DEFAULT_LIMIT = 100
_LIMIT: Final = re.compile(r"[0-9]{1,9}")

_Row = TypeVar("_Row")
_Model = TypeVar("_Model", bound=Model)


class Page(TypedDict):
    """The body of a page; ``next`` is the cursor of the page that follows, None on the last one."""

    results: list[object]
    next: str | None


def page_of(shape: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Return the schema of a page of rows, named after the row's class: ``EntryAnswer`` makes ``EntryPage``."""
    name = shape.__name__.removesuffix("Answer").removesuffix("Shape").removesuffix("Serializer") + "Page"
    return inline_serializer(name, {"results": shape(many=True), "next": serializers.CharField(allow_null=True)})


def keyset_page(
    request: Request,
    rows: QuerySet[_Model],
    *,
    key: str = "pk",
    descending: bool = False,
    render: Callable[[_Model], object],
) -> Page:
    """Return one page of rows, in the order of the column ``key``, which is unique.

    Raises:
        Invalid: ``limit`` or ``cursor`` cannot be read.
    """
    limit = _limit_of(request)
    cursor = request.query_params.get("cursor")
    if cursor:
        rows = _beyond(rows, key=key, descending=descending, cursor=cursor)
    # One row more than the page has tells whether another page follows.
    found = list(rows.order_by(f"-{key}" if descending else key)[: limit + 1])
    page = found[:limit]
    following = _encode(getattr(page[-1], key)) if len(found) > limit else None
    return {"results": [render(row) for row in page], "next": following}


def _beyond(rows: QuerySet[_Model], *, key: str, descending: bool, cursor: str) -> QuerySet[_Model]:
    columns = rows.model._meta  # noqa: SLF001 - documented by Django
    column: Any = columns.pk if key == "pk" else columns.get_field(key)
    try:
        last = column.to_python(_decode(cursor))
        if isinstance(last, datetime):
            # Raises OverflowError for the first and last hours of the calendar, which PostgreSQL cannot compare with.
            last = last.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, ValidationError) as error:
        # The cursor belongs to another list, whose key has another type.
        raise _foreign_cursor() from error
    return rows.filter(**{f"{key}__{'lt' if descending else 'gt'}": last})


def ranked_page(
    request: Request,
    rows: Sequence[_Row],
    *,
    key: Callable[[_Row], tuple[float | str, ...]],
    render: Callable[[_Row], object],
) -> Page:
    """Return one page of computed rows. The rows are sorted by ``key``, which is unique.

    Raises:
        Invalid: ``limit`` or ``cursor`` cannot be read.
    """
    limit = _limit_of(request)
    cursor = request.query_params.get("cursor")
    if cursor:
        rows = _after(rows, key=key, cursor=cursor)
    page = rows[:limit]
    following = _encode(key(page[-1])) if len(rows) > limit else None
    return {"results": [render(row) for row in page], "next": following}


def _after(rows: Sequence[_Row], *, key: Callable[[_Row], tuple[float | str, ...]], cursor: str) -> list[_Row]:
    last = _read(cursor)
    try:
        return [row for row in rows if key(row) > tuple(last)]
    except TypeError as error:
        raise _foreign_cursor() from error


def _limit_of(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise Invalid.field("limit", f"must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=str).encode()).decode().rstrip("=")


def _decode(cursor: str) -> str | int:
    value = _read(cursor)
    # Printable text has no NUL and no half of a surrogate pair: PostgreSQL refuses to compare with these.
    if isinstance(value, str) and value.isprintable():
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    raise _foreign_cursor()


def _read(cursor: str) -> Any:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if is_too_deep(text):
            raise _foreign_cursor()
        return json.loads(text)
    except (binascii.Error, ValueError) as error:
        raise _foreign_cursor() from error


def _foreign_cursor() -> Invalid:
    return Invalid.field("cursor", "is not a cursor of this list.")
