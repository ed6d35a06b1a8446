"""Feeds a recipe's calibration from the samples: in an order that a time box may cut short, with its progress reported."""

from collections.abc import Iterator, Sequence

import numpy as np

from registry.compression.arrays import Array
from registry.compression.recipes.source import Source

# More samples take longer and give no better ranges.
MAX_FEEDS = 512
_SEED = 20240229


def spread(indices: Sequence[int], *, at_most: int = MAX_FEEDS) -> list[int]:
    """Return feeds in an order whose every beginning is spread over all, so that sorted samples do not mislead."""
    order = np.random.default_rng(_SEED).permutation(len(indices))[:at_most].tolist()
    return [indices[place] for place in order]


def feeds_of(source: Source, indices: Sequence[int], *, step: str = "calibrating") -> Iterator[dict[str, Array]]:
    """Yield the inputs of one inference after another, and report how far the step is."""
    samples = source.samples
    for done, index in enumerate(indices if samples else ()):
        source.report(step, done / len(indices))
        if samples:
            yield samples.feed(index)


def warn_of_few(source: Source, *, used: int, given: int) -> None:
    """Say that a time box ended calibration early."""
    if used < min(given, MAX_FEEDS):
        source.warnings.append(f"The time for calibration was over after {used} of {given} inferences.")
