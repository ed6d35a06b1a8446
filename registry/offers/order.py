"""The order in which an act offers the variants of a version to devices of one target."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class Ranked(Protocol):
    """A READY variant, as far as its place in the order needs it."""

    @property
    def pk(self) -> int:
        """The key; among equals the older variant goes first."""

    @property
    def target(self) -> str:
        """The hardware target that the variant was built for."""

    @property
    def preset(self) -> str:
        """The preset that the variant was built under."""

    @property
    def rank(self) -> int:
        """The place in the target's chain of recipes."""


R = TypeVar("R", bound=Ranked)


def choose_order(variants: Iterable[R], *, targets: Sequence[str], preset: str) -> list[R]:
    """Return the READY variants that fit a target, in the order in which an act offers them.

    The target's own go before those of its fall-backs, then those of the version's own preset before others, then the chain
    of recipes decides. ``targets`` is the target itself, then its fall-backs in order.
    """
    fitting = [variant for variant in variants if variant.target in targets]
    return sorted(fitting, key=lambda one: (targets.index(one.target), one.preset != preset, one.rank, one.pk))


def move_to_head(variant_ids: Sequence[int], *, head: int) -> list[int]:
    """Return the ids with one of them, or a new one, at the head; the others keep their order."""
    return [head, *(other for other in variant_ids if other != head)]
