"""Which classes grew and which shrank, in words."""

from collections.abc import Sequence

from analytics.drift.statistics.bins import OTHER, UNSEEN
from analytics.drift.statistics.comparison import BinShare

# A class is named where it makes at least this share of the index.
NAMED_SHARE = 0.1
MOST_NAMED = 3


def describe(bins: Sequence[BinShare]) -> str:
    """Name the classes that make most of the index: ``classes 3 and 8 grew, class 1 shrank``."""
    total = sum(row.contribution or 0.0 for row in bins)
    ranked = sorted(bins, key=lambda row: row.contribution or 0.0, reverse=True)[:MOST_NAMED]
    named = [row for row in ranked if (row.contribution or 0.0) > NAMED_SHARE * total]
    grew = [row.bin for row in named if (row.current or 0.0) > row.baseline]
    shrank = [row.bin for row in named if (row.current or 0.0) < row.baseline]
    parts = [f"{_names(names)} {verb}" for names, verb in ((grew, "grew"), (shrank, "shrank")) if names]
    return ", ".join(parts) or "no single class stands out"


def _names(bins: Sequence[str]) -> str:
    ids = sorted((name for name in bins if name not in {OTHER, UNSEEN}), key=lambda name: (len(name), name))
    special = [
        {OTHER: "the rare classes", UNSEEN: "classes unknown to the baseline"}[name] for name in bins if name not in ids
    ]
    classes = [f"{'class' if len(ids) == 1 else 'classes'} {_and(ids)}"] if ids else []
    return _and([*classes, *special])


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
