"""Every route of the server, from the URL resolver, with an address that leads to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

# A value for each name in an address. Tests whose rows have other keys put theirs in place of these.
VALUES: dict[str, Any] = {
    "model": "digits", "version": "1.0.0", "target": "generic-cpu", "channel": "stable", "device_id": "edge-1", "key_id": 1,
    "rollout_id": "00000000-0000-4000-8000-000000000000", "alert_id": 1, "token_id": 1, "name": "start", "build": 1, "variant": 1,
    "app_label": "registry", "url": "nothing/", "content_type_id": 1, "object_id": 1, "id": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """One address pattern, as in ``/api/devices/{device_id}``, and its name for ``reverse``, if it has one."""

    template: str
    pattern: URLPattern
    name: str

    def __str__(self) -> str:
        return self.template

    def address(self, values: Mapping[str, Any]) -> str:
        """Return the address with each name filled in."""
        return self.template.format_map(values)


def list_routes() -> list[Route]:
    """Return all routes, in the order in which they are resolved."""
    return list(_walk(get_resolver(), prefix="/", namespace=""))


def _walk(resolver: URLResolver, *, prefix: str, namespace: str) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern, prefix=text, namespace=inner)
        else:
            yield Route(_read(text), pattern, f"{namespace}{pattern.name}" if pattern.name else "")


def _read(pattern: str) -> str:
    """Write ``<int:key_id>`` and ``(?P<url>.*)$`` as ``{key_id}`` and ``{url}``."""
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern.replace("^", "").replace("$", ""))
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", named)
