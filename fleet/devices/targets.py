"""The hardware targets whose variants a device can run: its own target, then the fall-backs in their order."""

from collections.abc import Mapping
from functools import cache

from registry.compression.targets import list_with_fallbacks, load_targets


def order_of(target: str) -> tuple[str, ...]:
    """Return a target and its fall-backs; a target that is no longer known stands alone."""
    return orders().get(target, (target,))


@cache
def orders() -> Mapping[str, tuple[str, ...]]:
    """Return every known target with its order."""
    return {target: tuple(list_with_fallbacks(target)) for target in load_targets()}
