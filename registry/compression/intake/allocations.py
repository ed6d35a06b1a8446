"""Estimates what a node allocates and how many turns a loop makes, from the constants that say so.

A lower bound is enough: an unknown input has at least one element. What no constant shows is left to the limits of the process.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import onnx

Constants = Mapping[str, Sequence[float]]

# The input of an operator that has the extents of its output.
_EXTENT_INPUT = {
    "ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Resize": 3, "OneHot": 1,
    "HannWindow": 0, "HammingWindow": 0, "BlackmanWindow": 0, "MelWeightMatrix": 0,
}  # fmt: skip
_EXTENT_ATTRIBUTES = {
    "RandomNormal": "shape", "RandomUniform": "shape", "ConvTranspose": "output_shape", "ConstantFill": "shape", "GivenTensorFill": "shape",
}  # fmt: skip
# The inputs that may have factors: Resize has had them at two places.
_FACTOR_INPUTS = {"Resize": (1, 2), "Upsample": (1,)}


def estimate_elements(node: onnx.NodeProto, constants: Constants) -> float:
    """Return at least how many elements the node makes; 1 where no constant says it."""
    return _OTHER_ESTIMATES.get(node.op_type, _from_extents)(node, constants)


def read_trips(node: onnx.NodeProto, constants: Constants) -> float:
    """Return how many turns a loop makes; 1 where no constant says it, and for other nodes."""
    return max(_operand(node, constants, 0), default=1.0) if node.op_type == "Loop" else 1.0


def _from_extents(node: onnx.NodeProto, constants: Constants) -> float:
    extents = [*_operand(node, constants, _EXTENT_INPUT.get(node.op_type, -1))]
    extents += _attribute(node, _EXTENT_ATTRIBUTES.get(node.op_type, ""))
    factors = [*_attribute(node, "scales")]
    for index in _FACTOR_INPUTS.get(node.op_type, ()):
        factors += _operand(node, constants, index)
    return _product([*extents, *factors])


def _from_range(node: onnx.NodeProto, constants: Constants) -> float:
    start, limit, delta = (_operand(node, constants, index) for index in range(3))
    if not (start and limit and delta) or delta[0] == 0:
        return 0.0
    return max(0.0, (limit[0] - start[0]) / delta[0])


def _from_pads(node: onnx.NodeProto, constants: Constants) -> float:
    pads = [*_operand(node, constants, 1), *_attribute(node, "pads")]
    half = len(pads) // 2
    return _product([1 + before + after for before, after in zip(pads[:half], pads[half:], strict=False)])


_OTHER_ESTIMATES: dict[str, Callable[[onnx.NodeProto, Constants], float]] = {"Range": _from_range, "Pad": _from_pads}


def _product(values: Sequence[float]) -> float:
    return math.prod(max(1.0, abs(value)) for value in values)


def _operand(node: onnx.NodeProto, constants: Constants, index: int) -> Sequence[float]:
    return constants.get(node.input[index], ()) if 0 <= index < len(node.input) else ()


def _attribute(node: onnx.NodeProto, name: str) -> list[float]:
    return [
        float(value) for item in node.attribute if item.name == name for value in (*item.ints[:64], *item.floats[:64])
    ]
