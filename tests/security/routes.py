"""Every route of the server, from the URL resolver, with an address that leads to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One address pattern, as in ``/api/devices/{device_id}``."""

    template: str
    pattern: URLPattern

    def __str__(self) -> str:
        return self.template

    def address(self, names: Mapping[str, Any]) -> str:
        """Return the address with each name filled in."""
        return self.template.format_map(names)


def list_routes() -> list[Route]:
    """Return all routes, in the order in which they are resolved."""
    return [Route("/" + _read(text), pattern) for text, pattern in _walk(get_resolver(), "")]


def list_patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    return (pattern for _, pattern in _walk(resolver, ""))


def _walk(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, text)
        else:
            yield text, pattern


def _read(pattern: str) -> str:
    """Write ``<int:key_id>`` and ``(?P<url>.*)$`` as ``{key_id}`` and ``{url}``."""
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern.replace("^", "").replace("$", ""))
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", named)
