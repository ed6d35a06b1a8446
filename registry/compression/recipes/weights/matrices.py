"""Weights as matrices (groups, output channels per group, columns): each output is a product of its row and one row of the input.

A group is one of a convolution's, or one direction of a recurrent operator.
"""

import math

import numpy as np

from registry.compression.arrays import Array
from registry.compression.recipes.weights.uses import Weight


def shape_of(weight: Weight) -> tuple[int, int, int]:
    """Return (groups, outputs per group, columns)."""
    dims = tuple(weight.tensor.dims)
    groups = dims[0] if weight.is_recurrent else weight.groups if weight.node.op_type == "Conv" else 1
    outputs = dims[weight.axis] // (1 if weight.is_recurrent else groups)
    return groups, outputs, math.prod(dims) // max(1, groups * outputs)


def to_matrix(weight: Weight, values: Array) -> Array:
    """Return values in the shape of the weight as a matrix."""
    leading = values if weight.is_recurrent else np.moveaxis(values, weight.axis, 0)
    return leading.reshape(shape_of(weight))


def from_matrix(weight: Weight, matrix: Array) -> Array:
    """Undo ``to_matrix``."""
    dims = list(weight.tensor.dims)
    if weight.is_recurrent:
        return matrix.reshape(dims)
    leading = [dims[weight.axis], *dims[: weight.axis], *dims[weight.axis + 1 :]]
    return np.ascontiguousarray(np.moveaxis(matrix.reshape(leading), 0, weight.axis))


def scales_shape(weight: Weight) -> list[int]:
    """Return the shape that one scale for each output channel has, to multiply values in the shape of the weight."""
    dims = list(weight.tensor.dims)
    kept = {0, weight.axis} if weight.is_recurrent else {weight.axis}
    return [extent if index in kept else 1 for index, extent in enumerate(dims)]
