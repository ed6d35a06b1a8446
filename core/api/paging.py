"""Keyset pages: ``?limit=`` (at most 500) and ``?cursor=``, answered as ``{"results", "next"}``.

A cursor is the key of the last row, so a page costs the same however deep, and rows that arrive meanwhile shift nothing.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

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


def page_of(shape: type[serializers.Serializer[Any]]) -> Any:
    """Return the schema of a page of such rows, named after the row's class: ``DeviceAnswer`` makes ``DevicePage``."""
    name = shape.__name__.removesuffix("Answer").removesuffix("Shape").removesuffix("Serializer") + "Page"
    fields: dict[str, Any] = {"results": shape(many=True), "next": serializers.CharField(allow_null=True)}
    return inline_serializer(name=name, fields=fields)


def keyset_page(
    request: Request, rows: QuerySet[Any], *, key: str = "pk", descending: bool = False, render: Callable[[Any], object]
) -> dict[str, object]:
    """Return one page of rows ordered by a unique column.

    Raises:
        Invalid: ``limit`` or ``cursor`` cannot be read.
    """
    limit = _limit_of(request)
    cursor = request.query_params.get("cursor")
    if cursor:
        rows = _beyond(rows, key=key, descending=descending, cursor=cursor)
    found: list[Model] = list(rows.order_by(f"-{key}" if descending else key)[: limit + 1])
    page = found[:limit]
    following = _encode(getattr(page[-1], key)) if len(found) > limit else None
    return {"results": [render(row) for row in page], "next": following}


def _beyond(rows: QuerySet[Any], *, key: str, descending: bool, cursor: str) -> QuerySet[Any]:
    columns: Any = rows.model._meta  # noqa: SLF001 - documented by Django
    column = columns.pk if key == "pk" else columns.get_field(key)
    try:
        last = column.to_python(_decode(cursor))
        if isinstance(last, datetime):
            # What has no time in UTC has none in PostgreSQL.
            last = last.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, ValidationError) as error:
        # The cursor is of another type than the column.
        raise _foreign_cursor() from error
    return rows.filter(**{f"{key}__{'lt' if descending else 'gt'}": last})


def ranked_page(
    request: Request,
    rows: Sequence[_Row],
    *,
    key: Callable[[_Row], tuple[float | str, ...]],
    render: Callable[[_Row], object],
) -> dict[str, object]:
    """Return one page of computed rows that are sorted by ``key``, which is unique and rises.

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
    # Printable: neither NUL nor half a surrogate pair, which PostgreSQL cannot compare with.
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
    return Invalid.field("cursor", "is not one that this API gave.")
