"""Marks the views that take uploads. The server streams a large body to the disk for these only."""

from collections.abc import Callable
from typing import TypeVar

from core.roles import Area

_View = TypeVar("_View", bound=Callable[..., object])


def takes_uploads(area: Area) -> Callable[[_View], _View]:
    """Mark a view, function or class, whose body may be as large as an upload from callers who may write the area."""

    def mark(view: _View) -> _View:
        view.upload_area = area  # type: ignore[attr-defined]  # read in config.http.admission
        return view

    return mark
