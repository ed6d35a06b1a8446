"""The bins that classes are compared in: the baseline fixes them, never the current data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

TOP_CLASSES = 19
# Also the name for the class ids beyond the 1,024 most frequent, which telemetry counts together.
OTHER = "other"
UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class ClassBins:
    """The baseline's most frequent classes, the rest of its classes as ``other``, and ``unseen`` for all other classes.

    ``other`` exists only where the baseline has more than ``TOP_CLASSES`` classes: a bin that is always empty would weaken the
    test. ``unseen`` always exists, is the last one, and is empty in the baseline.
    """

    names: tuple[str, ...]
    baseline_counts: tuple[int, ...]
    _positions: Mapping[str, int]

    @classmethod
    def of(cls, baseline: Mapping[str, int]) -> Self:
        """Choose the bins: by falling count, ties by the lower class id."""
        ranked = sorted(baseline, key=lambda name: (-baseline[name], len(name), name))
        top, rest = ranked[:TOP_CLASSES], ranked[TOP_CLASSES:]
        names = [*top, OTHER, UNSEEN] if rest else [*top, UNSEEN]
        counts = [baseline[name] for name in top] + ([sum(baseline[name] for name in rest)] if rest else []) + [0]
        positions = {name: index for index, name in enumerate(names)} | dict.fromkeys(rest, TOP_CLASSES)
        return cls(names=tuple(names), baseline_counts=tuple(counts), _positions=positions)

    def count(self, classes: Mapping[str, int]) -> list[int]:
        """Count a window's classes per bin, in the order of ``names``."""
        counts = [0] * len(self.names)
        unseen = len(self.names) - 1
        for name, number in classes.items():
            counts[self._positions.get(name, unseen)] += number
        return counts
