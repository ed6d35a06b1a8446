"""Embeddings: the direction of each vector, and its nearest neighbor among the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.embedding import MIN_COSINE
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.model_task import ModelTask

_MAX_VECTORS = 1000
# Fewer say nothing about neighbors.
_MIN_VECTORS = 8
# Neighbors as near as that are alike: which of them is first is chance.
_TIE = 1e-3


@dataclass
class EmbeddingComparison:
    """The vectors of many inferences; their memory is bounded."""

    task: ModelTask
    _source: list[Array] = field(default_factory=list)
    _variant: list[Array] = field(default_factory=list)

    def add(self, source: Sequence[Array], variant: Sequence[Array], _: Array | None = None) -> None:
        """Keep the vectors of the first float output of one inference."""
        index = next((place for place, output in enumerate(source) if output.dtype.kind == "f" and output.size), None)
        if index is None or len(self._source) >= _MAX_VECTORS:
            return
        self._source.extend(_directions(source[index]))
        self._variant.extend(_directions(variant[index]))

    def summarize(self) -> QualityNumbers:
        """Return the cosines, and the share of vectors with the same neighbor."""
        if not self._source or len({vector.shape for vector in self._source}) > 1:
            return {"agreement": None, "metric": None}
        want, got = np.stack(self._source), np.stack(self._variant)
        cosines = np.einsum("nd,nd->n", want, got)
        mean = float(cosines.mean())
        return {
            "agreement": self._same_neighbors(want, got),
            "cosine": mean,
            "worst_cosine": float(cosines.min()),
            "metric": {"name": "cosine", "value": mean, "wanted": MIN_COSINE},
        }

    def _same_neighbors(self, want: Array, got: Array) -> float | None:
        if len(want) < _MIN_VECTORS:
            return None
        before, after = want @ want.T, got @ got.T
        for nearness in (before, after):
            np.fill_diagonal(nearness, -np.inf)
        chosen = np.take_along_axis(before, after.argmax(axis=1)[:, None], axis=1)[:, 0]
        return float((chosen >= before.max(axis=1) - _TIE).mean())


def _directions(output: Array) -> Array:
    rows = output.reshape(len(output) if output.ndim > 1 else 1, -1).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths))
