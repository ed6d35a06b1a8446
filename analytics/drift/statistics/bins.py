"""The bins that decisions about classes are made in: fixed by the baseline, never by current data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

TOP_CLASSES = 19
# Also the name under which telemetry's overflow (class ids past the 1,024 most frequent) is counted.
OTHER = "other"
UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class ClassBins:
    """The baseline's most frequent classes, the rest of its classes as ``other``, and ``unseen`` for all that it lacks.

    ``other`` is there only where the baseline has more than ``TOP_CLASSES`` classes: a bin that nothing can fall into would
    only widen the test. ``unseen`` is always there, last, and always empty on the baseline's side.
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
        """Sort a window's class counts into the bins, in the order of ``names``."""
        counts = [0] * len(self.names)
        unseen = len(self.names) - 1
        for name, number in classes.items():
            counts[self._positions.get(name, unseen)] += number
        return counts
