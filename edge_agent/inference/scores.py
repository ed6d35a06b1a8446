"""From a classifier's first output to classes and confidences. Pure functions of arrays."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.inference.array_checks import Array

NO_CLASS = -1
# Probabilities in 8-bit models add up to 1 only about.
SUM_TOLERANCE = 1e-3
MIN_CLASSES = 2


def score(output: Array) -> tuple[list[int], list[float]]:
    """Return class ids and confidences, one per sample.

    Args:
        output: the model's first output, of shape (samples, classes): logits, or probabilities already. An output of any
            other shape is no classification: every sample then has class -1 and confidence 0.
    """
    samples = output.shape[0] if output.ndim else 1
    if output.ndim != 2 or output.shape[1] < MIN_CLASSES or not np.issubdtype(output.dtype, np.number):
        return [NO_CLASS] * samples, [0.0] * samples
    rows = output.astype(np.float64)
    probabilities = rows if is_probability(rows) else softmax(rows)
    classes = probabilities.argmax(axis=1)
    best = np.clip(probabilities.max(axis=1), 0.0, 1.0)
    return [int(number) for number in classes], [float(number) for number in best]


def is_probability(rows: NDArray[np.float64]) -> bool:
    """Say whether every row is a distribution: between 0 and 1, with a sum of 1."""
    in_range = bool((rows >= 0).all() and (rows <= 1).all())
    return in_range and bool((np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def softmax(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of each row; the row's maximum is subtracted first, so that no power overflows."""
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
