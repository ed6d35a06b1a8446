"""Scores as probabilities, whichever way a model gives them."""

import numpy as np

from registry.compression.arrays import Array
from registry.compression.model_task import ModelTask

_SUM_TOLERANCE = 0.01


def are_probabilities(scores: Array) -> bool:
    """Return whether each row (last axis) is non-negative and adds up to 1."""
    return bool(scores.size and scores.min() >= 0 and np.abs(scores.sum(axis=-1) - 1).max() < _SUM_TOLERANCE)


def are_in_unit_range(scores: Array) -> bool:
    """Return whether every score lies in 0 to 1."""
    return not scores.size or bool(scores.min() >= 0 and scores.max() <= 1)


def softmax(scores: Array) -> Array:
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(scores: Array) -> Array:
    """Return the logistic function of each score, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(scores / 2)))


def to_class_probabilities(source: Array, variant: Array, *, task: ModelTask) -> tuple[Array, Array]:
    """Return both with rows (last axis) of probabilities; the source says whether they are such already."""
    is_ready = task.scores == "probabilities" or (task.scores is None and are_probabilities(source))
    return (source, variant) if is_ready else (softmax(source), softmax(variant))


def to_label_probabilities(source: Array, variant: Array, *, task: ModelTask) -> tuple[Array, Array]:
    """Return both with every value in 0 to 1; the source says whether it is so already."""
    is_ready = task.scores == "probabilities" or (task.scores is None and are_in_unit_range(source))
    return (source, variant) if is_ready else (sigmoid(source), sigmoid(variant))


def margins(probabilities: Array) -> Array:
    """Return by how much the first class is above the second, row by row."""
    if probabilities.shape[-1] < 2:
        return np.ones(probabilities.shape[:-1])
    largest = np.partition(probabilities, -2, axis=-1)
    return np.asarray(largest[..., -1] - largest[..., -2])
