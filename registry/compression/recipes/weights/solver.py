"""Rounds the columns of a weight matrix one after another, and moves each error to the columns that are still open.

Algorithm 1 of GPTQ (Frantar et al., 2022, arXiv:2210.17323), with its order of activations: columns with the largest inputs go first.
"""

import numpy as np
import numpy.typing as npt

from registry.compression.recipes.weights.rounding import Floats, Integers

_BLOCK = 128
_DAMPING = 0.01


class NotSolvable(ArithmeticError):
    """The inputs of the operator are not finite, or all zero."""


def solve(weights: Floats, gram: Floats, steps: Floats, *, top: int) -> Integers:
    """Return integers in -top to top for ``weights`` (outputs, columns).

    Args:
        weights: The weights of one group.
        gram: The sum of x·xᵀ over rows x of the input (columns, columns).
        steps: The scale of each weight (outputs, columns), or of each output (outputs, 1).
        top: The highest integer.

    Raises:
        NotSolvable: There is nothing to learn from the rows.
    """
    order = np.argsort(-np.diagonal(gram), kind="stable")
    factor = _inverse_factor(gram[np.ix_(order, order)].astype(np.float64))
    # One column a row, which keeps it contiguous in memory.
    open_weights = weights.T[order].astype(np.float32)
    scales = np.broadcast_to(steps, weights.shape).T[order]
    rounded = np.empty(open_weights.shape, np.int8)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        errors = _solve_block(open_weights[start:end], factor[start:end, start:end], scales[start:end], top=top)
        rounded[start:end] = errors.integers
        open_weights[end:] -= factor[start:end, end:].T @ errors.values
    answer = np.empty_like(rounded)
    answer[order] = rounded
    return np.ascontiguousarray(answer.T)


class _Errors:
    """The integers of one block, and the error of each of its columns divided by its pivot."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.integers: Integers = np.empty(shape, np.int8)
        self.values: Floats = np.empty(shape, np.float32)


def _solve_block(open_weights: Floats, factor: Floats, scales: Floats, *, top: int) -> _Errors:
    found = _Errors(open_weights.shape)
    for column, weight in enumerate(open_weights):
        integers = np.clip(np.rint(weight / scales[column]), -top, top)
        found.integers[column] = integers
        found.values[column] = (weight - integers * scales[column]) / factor[column, column]
        open_weights[column + 1 :] -= np.outer(factor[column, column + 1 :], found.values[column])
    return found


def _inverse_factor(gram: npt.NDArray[np.float64]) -> Floats:
    """Return the upper U with Uᵀ·U = (gram + damping)⁻¹.

    With R·Rᵀ = gram and R upper, U is R⁻¹. Columns that were never fed get a pivot of their own, and plain rounding.
    """
    diagonal = np.diagonal(gram).copy()
    mean = diagonal.mean()
    if not np.isfinite(mean) or mean <= 0:
        message = "the rows are not finite, or all zero"
        raise NotSolvable(message)
    np.fill_diagonal(gram, np.where(diagonal > 0, diagonal, mean) + _DAMPING * mean)
    try:
        lower = np.linalg.cholesky(gram[::-1, ::-1])
    except np.linalg.LinAlgError as error:
        message = "the rows have no Cholesky factor"
        raise NotSolvable(message) from error
    return _invert_upper(lower[::-1, ::-1]).astype(np.float32)


def _invert_upper(matrix: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Invert an upper triangular matrix by halves."""
    size = len(matrix)
    if size <= _BLOCK:
        return np.linalg.inv(matrix)
    half = size // 2
    first, last = _invert_upper(matrix[:half, :half]), _invert_upper(matrix[half:, half:])
    inverse = np.zeros_like(matrix)
    inverse[:half, :half], inverse[half:, half:] = first, last
    inverse[:half, half:] = -first @ (matrix[:half, half:] @ last)
    return inverse
