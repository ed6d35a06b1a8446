"""Masks and heat maps: soft intersection over union of the source's map and the variant's, Σ min ÷ Σ max."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.segmentation import MIN_SOFT_IOU
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.evaluation.tasks import scores
from registry.compression.model_task import ModelTask

# A map with less than one full pixel shows nothing: two of them are alike.
_EMPTY = 1.0


@dataclass
class SegmentationComparison:
    """Running sums over many inferences."""

    task: ModelTask
    _least: float = 0.0
    _most: float = 0.0
    _worst: float | None = None

    def add(self, source: Sequence[Array], variant: Sequence[Array], _: Array | None = None) -> None:
        """Compare the first map of one inference, sample by sample."""
        index = next((place for place, output in enumerate(source) if output.ndim >= 3 and output.size), None)
        if index is None:
            return
        for want, got in zip(*self._maps(source[index], variant[index]), strict=True):
            least, most = float(np.minimum(want, got).sum()), float(np.maximum(want, got).sum())
            self._least += least
            self._most += most
            overlap = 1.0 if most < _EMPTY else least / most
            self._worst = overlap if self._worst is None else min(self._worst, overlap)

    def summarize(self) -> QualityNumbers:
        """Return the overlap over all samples, and that of the worst."""
        if self._worst is None:
            return {"agreement": None, "metric": None}
        overlap = 1.0 if self._most < _EMPTY else self._least / self._most
        return {
            "agreement": overlap,
            "metric": {"name": "soft_iou", "value": overlap, "wanted": MIN_SOFT_IOU},
            "worst_soft_iou": self._worst,
        }

    def _maps(self, want: Array, got: Array) -> tuple[Array, Array]:
        """Return both as maps of one probability per class and pixel; of integers, whether each pixel is the same."""
        if want.dtype.kind != "f":
            same = (want == got).astype(np.float64)
            return np.ones(want.shape), same
        if want.ndim == 4 and want.shape[1] > 1 and not scores.are_in_unit_range(want):
            before, after = (np.moveaxis(part, 1, -1) for part in (want, got))
            return scores.to_class_probabilities(before, after, task=self.task)
        return scores.to_label_probabilities(want, got, task=self.task)
