"""The histograms that comparisons read: of one scope and window, or of a baseline."""

from dataclasses import dataclass, field
from typing import Self

from registry.baselines.histograms import CONFIDENCE_BINS, Statistics


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts per class id (as text, as in a baseline), per confidence bin, per latency bin."""

    classes: dict[str, int] = field(default_factory=dict)
    confidence: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BINS)
    latency: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of_statistics(cls, statistics: Statistics) -> Self:
        """Read the statistics of a baseline, as ``registry.baselines.histograms.statistics_of`` makes them."""
        return cls(
            classes=dict(statistics["classes"]),
            confidence=list(statistics["confidence"]),
            latency={int(name): number for name, number in statistics["latency"].items()},
        )

    @property
    def samples(self) -> int:
        """How many inferences were counted."""
        return sum(self.classes.values())
