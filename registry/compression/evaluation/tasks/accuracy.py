"""Accuracy on labels, before and after, over all samples and class by class."""

from collections import Counter
from dataclasses import dataclass, field

from registry.compression.arrays import Array
from registry.compression.evaluation.results import ClassAccuracy, QualityNumbers

# Of more classes only those that lost most are kept: a row of the database is no table.
_MAX_CLASSES = 100


@dataclass
class Accuracy:
    """Running counts of right decisions."""

    _labelled: Counter[int] = field(default_factory=Counter)
    _before: Counter[int] = field(default_factory=Counter)
    _after: Counter[int] = field(default_factory=Counter)

    def add(self, source: Array, variant: Array, labels: Array | None) -> None:
        """Count the decisions of one inference; labels of another number than the decisions are passed over."""
        if labels is None or source.shape != labels.shape:
            return
        self._labelled.update(labels.tolist())
        self._before.update(labels[source == labels].tolist())
        self._after.update(labels[variant == labels].tolist())

    def summarize(self) -> QualityNumbers:
        """Return the ratios; None where no labels were given."""
        total = self._labelled.total()
        if not total:
            return {"accuracy_before": None, "accuracy_after": None}
        return {
            "accuracy_before": self._before.total() / total,
            "accuracy_after": self._after.total() / total,
            "accuracy_per_class": self._per_class(),
        }

    def _per_class(self) -> dict[str, ClassAccuracy]:
        def lost(label: int) -> float:
            return (self._before[label] - self._after[label]) / self._labelled[label]

        kept = sorted(sorted(self._labelled, key=lost, reverse=True)[:_MAX_CLASSES])
        return {
            str(label): {
                "samples": self._labelled[label],
                "before": self._before[label] / self._labelled[label],
                "after": self._after[label] / self._labelled[label],
            }
            for label in kept
        }
