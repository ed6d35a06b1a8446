"""Several labels: each score on its own side of the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.multilabel import CONFIDENT_DISTANCE, MIN_AGREEMENT, MIN_F1
from registry.compression.evaluation.results import Metric, QualityNumbers
from registry.compression.evaluation.tasks import scores
from registry.compression.evaluation.tasks.accuracy import Accuracy
from registry.compression.model_task import ModelTask

DEFAULT_THRESHOLD = 0.5


@dataclass
class MultilabelComparison:
    """Running counts over many inferences."""

    task: ModelTask
    _both: int = 0
    _single: int = 0
    _agreed: int = 0
    _decided: int = 0
    _confident_agreed: int = 0
    _confident: int = 0
    _difference: float = 0.0
    _accuracy: Accuracy = field(default_factory=Accuracy)

    def add(self, source: Sequence[Array], variant: Sequence[Array], labels: Array | None = None) -> None:
        """Compare the first float output of one inference."""
        index = next((place for place, output in enumerate(source) if output.dtype.kind == "f" and output.size), None)
        if index is None:
            return
        want, got = scores.to_label_probabilities(source[index], variant[index], task=self.task)
        threshold = DEFAULT_THRESHOLD if self.task.threshold is None else self.task.threshold
        before, after = want >= threshold, got >= threshold
        self._both += int((before & after).sum())
        self._single += int((before ^ after).sum())
        self._agreed += int((before == after).sum())
        self._decided += before.size
        confident = np.abs(want - threshold) > CONFIDENT_DISTANCE
        self._confident += int(confident.sum())
        self._confident_agreed += int((before == after)[confident].sum())
        self._difference += float(np.abs(want - got).sum())
        if before.size == len(before):
            self._accuracy.add(before.reshape(-1).astype(int), after.reshape(-1).astype(int), labels)

    def summarize(self) -> QualityNumbers:
        """Return the numbers; F1 where any label was present, plain agreement else."""
        if not self._decided:
            return {"agreement": None, "metric": None}
        agreement = self._agreed / self._decided
        return {
            "agreement": agreement,
            "metric": self._metric(agreement),
            "confident_agreement": self._confident_agreed / self._confident if self._confident else None,
            "confident_decisions": self._confident,
            "mean_total_variation": self._difference / self._decided,
            **self._accuracy.summarize(),
        }

    def _metric(self, agreement: float) -> Metric:
        present = 2 * self._both + self._single
        if not present:
            return {"name": "agreement", "value": agreement, "wanted": MIN_AGREEMENT}
        return {"name": "label_f1", "value": 2 * self._both / present, "wanted": MIN_F1}
