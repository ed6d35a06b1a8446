"""Blocks of neighboring columns that share a step: four bits need more steps than one for each output channel."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from registry.compression.recipes.weights import matrices, rounding
from registry.compression.recipes.weights.rounding import Floats, Integers
from registry.compression.recipes.weights.uses import Weight

BITS = 4
_SIZES = range(16, 65)
_WANTED = 32


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """A weight in blocks: weight ≈ integers · steps · factor, with one step for each block."""

    integers: Integers
    steps: npt.NDArray[np.float16]
    factor: np.float32


def has_blocks(weight: Weight) -> bool:
    """Return whether the columns can be cut into blocks, and the elements be put in pairs."""
    return _divisor(matrices.shape_of(weight)[2]) is not None and math.prod(weight.tensor.dims) % 2 == 0


def choose_steps(matrix: Floats) -> Floats:
    """Return the step of each element of (groups, outputs, columns), so that steps ÷ the largest fit into float16."""
    groups, outputs, columns = matrix.shape
    size = _divisor(columns) or columns
    steps = np.abs(matrix.reshape(groups, outputs, columns // size, size)).max(axis=3) / rounding.top_level(BITS)
    largest = np.float32(steps.max()) if steps.any() else np.float32(1.0)
    parts = (steps / largest).astype(np.float16).astype(np.float32)
    return np.where(parts > 0, parts * largest, largest).astype(np.float32).repeat(size, axis=2)


def arrange(weight: Weight, *, integers: Integers, steps: Floats) -> Blocks:
    """Return the matrix in blocks whose order is that of the weight's elements."""
    size = _divisor(integers.shape[2]) or integers.shape[2]
    factor = np.float32(steps.max())
    parts = (steps[:, :, ::size].reshape(-1, integers.shape[2] // size) / factor).astype(np.float16)
    values = matrices.from_matrix(weight, integers)
    if weight.axis == values.ndim - 1 and not weight.is_recurrent:
        in_blocks = values.reshape(-1, size, values.shape[-1])
        return Blocks(integers=in_blocks, steps=parts.T[:, np.newaxis], factor=factor)
    return Blocks(integers=values.reshape(len(parts), -1, size), steps=parts[:, :, np.newaxis], factor=factor)


def _divisor(columns: int) -> int | None:
    sizes = [size for size in _SIZES if columns % size == 0]
    return min(sizes, key=lambda size: abs(size - _WANTED), default=None)
