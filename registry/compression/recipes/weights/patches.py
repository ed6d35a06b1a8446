"""Picks rows from the input of an operator: each row is what one output channel's weights are multiplied by, once.

For a convolution a row is one patch (im2col) at a random place of the output; for a matrix product one row of the matrix;
for a recurrent operator its input, or its own state, at one time.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from registry.compression.arrays import Array
from registry.compression.recipes.weights.uses import RECURRENT, Weight, read_int, read_ints

Generator = np.random.Generator
# A group of its own needs a matrix of its own: many groups have few columns each, and little to correct.
_MAX_GROUPS = 64


def tensor_of(weight: Weight) -> str:
    """Return the name of the tensor that the weight is multiplied by; of a recurrent state, the output that has all states."""
    node = weight.node
    if node.op_type in RECURRENT and weight.operand == 2:
        return str(node.output[0])
    return str(node.input[0])


def can_pick(weight: Weight) -> bool:
    """Return whether the rows of this weight are known."""
    op_type, rank = weight.node.op_type, len(weight.tensor.dims)
    if op_type not in _PICKERS or weight.is_nested or not tensor_of(weight):
        return False
    if op_type == "Conv":
        return weight.groups <= _MAX_GROUPS and not weight.is_depthwise
    return op_type in RECURRENT or rank == 2


def pick_rows(weight: Weight, tensor: Array, *, count: int, generator: Generator) -> Array:
    """Return at most ``count`` rows of ``tensor_of(weight)`` as (groups, rows, columns)."""
    return _PICKERS[weight.node.op_type](weight, tensor, count, generator)


def _pick_matrix_rows(weight: Weight, tensor: Array, count: int, generator: Generator) -> Array:
    is_transposed = weight.node.op_type == "Gemm" and read_int(weight.node, "transA", 0)
    rows = tensor.T if is_transposed else tensor.reshape(-1, tensor.shape[-1])
    return rows[_choose(len(rows), count, generator)][np.newaxis]


def _pick_times(weight: Weight, tensor: Array, count: int, generator: Generator) -> Array:
    """Return rows of the input (times, batch, columns), the same for each direction, or of the states (times, directions, batch, columns)."""
    directions = weight.tensor.dims[0]
    if weight.operand == 1:
        rows = tensor.reshape(1, -1, tensor.shape[-1]).repeat(directions, axis=0)
    else:
        rows = tensor.swapaxes(0, 1).reshape(directions, -1, tensor.shape[-1])
    return rows[:, _choose(rows.shape[1], count, generator)]


def _pick_patches(weight: Weight, tensor: Array, count: int, generator: Generator) -> Array:
    """Return patches as (groups, rows, channels per group · kernel elements)."""
    kernel = tuple(weight.tensor.dims)[2:]
    strides = read_ints(weight.node, "strides", [1] * len(kernel))
    dilations = read_ints(weight.node, "dilations", [1] * len(kernel))
    spans = [dilation * (size - 1) + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    padded = _pad(weight, tensor, spans=spans, strides=strides)
    places = [
        (extent - span) // stride + 1 for extent, span, stride in zip(padded.shape[2:], spans, strides, strict=True)
    ]
    chosen = _choose(len(padded) * math.prod(places), count, generator)
    images, *corners = np.unravel_index(chosen, (len(padded), *places))
    steps = np.indices(kernel).reshape(len(kernel), -1)
    places_of_patches = (
        corner[:, np.newaxis] * stride + step * dilation
        for corner, stride, dilation, step in zip(corners, strides, dilations, steps, strict=True)
    )
    # Indices on both sides of the slice put the rows and the kernel elements first, and the channels last.
    rows = padded[(images[:, np.newaxis], slice(None), *places_of_patches)]
    return _split_groups(rows, groups=weight.groups)


def _split_groups(rows: Array, *, groups: int) -> Array:
    """Turn (rows, kernel elements, channels) into (groups, rows, channels per group · kernel elements)."""
    count, elements, channels = rows.shape
    split = rows.transpose(0, 2, 1).reshape(count, groups, channels // groups * elements)
    return np.ascontiguousarray(split.transpose(1, 0, 2))


def _pad(weight: Weight, tensor: Array, *, spans: list[int], strides: list[int]) -> Array:
    rank = len(spans)
    pads = read_ints(weight.node, "pads", [0] * 2 * rank)
    automatic = next((attribute.s.decode() for attribute in weight.node.attribute if attribute.name == "auto_pad"), "")
    if automatic.startswith("SAME"):
        missing = [
            max(0, (-(-extent // stride) - 1) * stride + span - extent)
            for extent, stride, span in zip(tensor.shape[2:], strides, spans, strict=True)
        ]
        first = [(total + (automatic == "SAME_LOWER")) // 2 for total in missing]
        pads = first + [total - before for total, before in zip(missing, first, strict=True)]
    if not any(pads):
        return tensor
    return np.pad(tensor, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])


def _choose(total: int, count: int, generator: Generator) -> npt.NDArray[np.intp]:
    """Return the sorted indices of at most ``count`` of ``total`` rows."""
    return np.sort(generator.choice(total, size=min(total, count), replace=False))


_PICKERS: Mapping[str, Callable[[Weight, Array, int, Generator], Array]] = {
    "Conv": _pick_patches,
    "Gemm": _pick_matrix_rows,
    "MatMul": _pick_matrix_rows,
    **dict.fromkeys(RECURRENT, _pick_times),
}
