"""Weight-only INT4: matrix products whose weights are in blocks of 4-bit integers (``com.microsoft.MatMulNBits``).

The file and the memory for weights shrink to about a sixth, and activations stay in floating point, so no samples are needed.
The operator's layout is that of ONNX Runtime's contrib operators: B (N, blocks, bytes), two values in a byte, the first one
in the lower half, and 8 as the zero point.
"""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from registry.compression.arrays import Array
from registry.compression.recipes import Parameters, preparing
from registry.compression.recipes.dynamic_int8 import find_nodes
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.recipes.weights import uses
from registry.compression.recipes.weights.uses import Weight

_DOMAIN = "com.microsoft"
_ZERO = 8
_ACCURACY_LEVELS = frozenset({0, 1, 2, 3, 4})


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the quantized model to ``destination``.

    Raises:
        NotApplicable: No matrix product has a large constant weight.
        ValueError: A block size or an accuracy level that the operator does not have.
    """
    block, level = int(parameters["block_size"]), int(parameters["accuracy_level"])
    if block < 16 or block & (block - 1) or level not in _ACCURACY_LEVELS:
        message = f"no block size {block} or no accuracy level {level}"
        raise ValueError(message)
    model = preparing.prepare(source, scratch=destination)
    excluded = preparing.find_excluded(model, source)
    weights = [
        weight
        for weight in find_nodes(model, operators=("Gemm", "MatMul"), excluded=excluded)
        if weight.operand == 1 and _is_plain(weight)
    ]
    if not weights:
        message = "the model has no matrix multiplication with a large constant weight"
        raise NotApplicable(message)
    for weight in weights:
        _replace(model, weight, block=block, level=level)
    preparing.drop_unused_initializers(model.graph)
    if all(entry.domain != _DOMAIN for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    preparing.finish(model, source, destination=destination)


def pack(matrix: Array, *, block: int) -> tuple[Array, Array]:
    """Return (integers, scales) of a matrix (outputs, columns): uint8 (outputs, blocks, block / 2), float32 (outputs, blocks)."""
    outputs, columns = matrix.shape
    count = math.ceil(columns / block)
    padded = np.zeros((outputs, count * block), np.float32)
    padded[:, :columns] = matrix
    blocks = padded.reshape(outputs, count, block)
    # The value with the largest magnitude becomes -8, the only integer without its opposite.
    places = np.abs(blocks).argmax(axis=2, keepdims=True)
    extremes = np.take_along_axis(blocks, places, axis=2)
    scales = np.where(extremes == 0, 1.0, extremes / -_ZERO).astype(np.float32)
    integers = np.clip(np.rint(blocks / scales) + _ZERO, 0, 15).astype(np.uint8)
    return integers[..., 0::2] | integers[..., 1::2] << 4, scales[..., 0]


def _replace(model: onnx.ModelProto, weight: Weight, *, block: int, level: int) -> None:
    """Turn the node into MatMulNBits; a bias of Gemm becomes its bias."""
    node = weight.node
    matrix = weight.array if weight.axis == 0 else weight.array.T
    packed, scales = pack(matrix, block=block)
    parts = [(f"{weight.name}__int4", packed), (f"{weight.name}__scales", scales)]
    present = {tensor.name for tensor in model.graph.initializer}
    model.graph.initializer.extend(
        numpy_helper.from_array(values, name) for name, values in parts if name not in present
    )
    inputs = [node.input[0], parts[0][0], parts[1][0]]
    if len(node.input) > 2 and node.input[2]:
        inputs += ["", "", node.input[2]]
    made = helper.make_node(
        "MatMulNBits",
        inputs,
        list(node.output),
        name=node.name,
        domain=_DOMAIN,
        K=matrix.shape[1],
        N=matrix.shape[0],
        bits=4,
        block_size=block,
        accuracy_level=level,
    )
    node.CopyFrom(made)


def _is_plain(weight: Weight) -> bool:
    node = weight.node
    factors = [attribute.f for attribute in node.attribute if attribute.name in ("alpha", "beta")]
    return not uses.read_int(node, "transA", 0) and all(factor == 1 for factor in factors)
