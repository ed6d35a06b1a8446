"""Regression: the root mean squared error beside the standard deviation of the output, the worst column of all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.regression import MAX_RELATIVE_ERROR
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.model_task import ModelTask


@dataclass
class RegressionComparison:
    """Running sums over many inferences, column by column."""

    task: ModelTask
    _count: int = 0
    _sum: Array | None = None
    _squares: Array | None = None
    _errors: Array | None = None

    def add(self, source: Sequence[Array], variant: Sequence[Array], _: Array | None = None) -> None:
        """Take the first float output of one inference; its first axis is the sample."""
        index = next((place for place, output in enumerate(source) if output.dtype.kind == "f" and output.size), None)
        if index is None:
            return
        want, got = (_columns(part[index]) for part in (source, variant))
        if self._sum is not None and self._sum.shape != want.shape[1:]:
            return
        self._count += len(want)
        self._sum = want.sum(axis=0) + (0 if self._sum is None else self._sum)
        self._squares = np.square(want).sum(axis=0) + (0 if self._squares is None else self._squares)
        self._errors = np.square(want - got).sum(axis=0) + (0 if self._errors is None else self._errors)

    def summarize(self) -> QualityNumbers:
        """Return the error of the worst column; no metric where no output varies."""
        if self._sum is None or self._squares is None or self._errors is None or self._count < 2:
            return {"agreement": None, "metric": None}
        mean = self._sum / self._count
        variance = np.maximum(self._squares / self._count - np.square(mean), 0)
        varies = variance > 1e-12 * np.maximum(np.square(mean), 1e-30)
        if not varies.any():
            return {"agreement": None, "metric": None}
        error = float(np.sqrt((self._errors / self._count)[varies] / variance[varies]).max())
        return {
            "agreement": None,
            "metric": {"name": "relative_error", "value": error, "wanted": MAX_RELATIVE_ERROR},
        }


def _columns(output: Array) -> Array:
    return output.astype(np.float64).reshape(len(output) if output.ndim else 1, -1)
