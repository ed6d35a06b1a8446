"""Classification: the first class, the probabilities behind it, and the accuracy where labels were given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.classification import CONFIDENT_MARGIN, MIN_AGREEMENT
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.evaluation.tasks import scores
from registry.compression.evaluation.tasks.accuracy import Accuracy
from registry.compression.model_task import ModelTask


@dataclass
class ClassificationComparison:
    """Running counts over many inferences."""

    task: ModelTask
    _agreed: int = 0
    _decided: int = 0
    _confident_agreed: int = 0
    _confident: int = 0
    _variation: float = 0.0
    _scored: int = 0
    _accuracy: Accuracy = field(default_factory=Accuracy)

    def add(self, source: Sequence[Array], variant: Sequence[Array], labels: Array | None = None) -> None:
        """Compare the outputs of one inference."""
        index = find_output(source)
        if index is None:
            return
        want, got = source[index], variant[index]
        if want.dtype.kind == "f":
            want, got = self._add_scores(_rows(want), _rows(got))
        self._agreed += int((want == got).sum())
        self._decided += want.size
        self._accuracy.add(want, got, labels)

    def summarize(self) -> QualityNumbers:
        """Return the numbers; no metric where the model has no classes."""
        if not self._decided:
            return {"agreement": None, "metric": None, **self._accuracy.summarize()}
        agreement = self._agreed / self._decided
        return {
            "agreement": agreement,
            "metric": {"name": "agreement", "value": agreement, "wanted": MIN_AGREEMENT},
            "confident_agreement": self._confident_agreed / self._confident if self._confident else None,
            "confident_decisions": self._confident,
            "mean_total_variation": self._variation / self._scored if self._scored else None,
            **self._accuracy.summarize(),
        }

    def _add_scores(self, want: Array, got: Array) -> tuple[Array, Array]:
        """Take the probabilities, and return the classes of both."""
        if want.shape[-1] == 1:
            want, got = (np.concatenate([1 - part, part], axis=-1) for part in self._to_one_label(want, got))
        else:
            want, got = scores.to_class_probabilities(want, got, task=self.task)
        before, after = want.argmax(axis=-1), got.argmax(axis=-1)
        confident = scores.margins(want) > CONFIDENT_MARGIN
        self._confident += int(confident.sum())
        self._confident_agreed += int((before == after)[confident].sum())
        # Half of the summed differences: the total variation distance of two distributions.
        self._variation += float(np.abs(want - got).sum()) / 2
        self._scored += before.size
        return before, after

    def _to_one_label(self, want: Array, got: Array) -> tuple[Array, Array]:
        return scores.to_label_probabilities(want, got, task=self.task)


def find_output(outputs: Sequence[Array]) -> int | None:
    """Return the place of the first output that has classes, or None where none has."""
    for index, output in enumerate(outputs):
        if output.dtype.kind == "f" and output.ndim >= 2 and output.shape[_class_axis(output)] >= 2:
            return index
        if output.dtype.kind in "iu" and output.ndim == 1:
            return index
    one_score = (place for place, output in enumerate(outputs) if output.dtype.kind == "f" and output.ndim == 2)
    return next(one_score, None)


def choose_classes(outputs: Iterable[Array]) -> Array | None:
    """Return the top-1 class of the first output that has at least two classes, or None where none has."""
    kept = list(outputs)
    index = find_output(kept)
    if index is None:
        return None
    found = kept[index]
    if found.dtype.kind in "iu":
        return found
    rows = _rows(found)
    return np.asarray(rows.argmax(axis=-1)) if rows.shape[-1] >= 2 else None


def _rows(output: Array) -> Array:
    return np.moveaxis(output, _class_axis(output), -1)


def _class_axis(output: Array) -> int:
    """Return the axis of classes: 1 of (N, C) and (N, C, H, W), and the last of (N, T, C)."""
    return 2 if output.ndim == 3 else 1
