"""Finds the weights of a graph: the constant operands of operators that multiply, with their axis of output channels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from registry.compression.arrays import Array
from registry.compression.intake import walking

RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
# Operator → the inputs that are weights. A recurrent one has two: for its input, and for its own state.
_OPERANDS: Mapping[str, tuple[int, ...]] = {
    "Conv": (1,), "ConvTranspose": (1,), "Gemm": (1,), "MatMul": (1,), "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2), "Gather": (0,),
}  # fmt: skip
_MOVING = frozenset({"Concat", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"})


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One initializer that an operator multiplies by; ``axis`` is the axis of the output channels."""

    name: str
    node: onnx.NodeProto
    # The index of the weight among the inputs of the node.
    operand: int
    tensor: onnx.TensorProto
    axis: int
    # Whether the node is in a graph inside that of the initializer.
    is_nested: bool = False

    @property
    def array(self) -> Array:
        """The values."""
        return numpy_helper.to_array(self.tensor)

    @property
    def groups(self) -> int:
        """The number of groups of a convolution, 1 of anything else."""
        return read_int(self.node, "group", 1)

    @property
    def is_recurrent(self) -> bool:
        """Whether it belongs to an LSTM, a GRU or an RNN, whose weights have the directions on their first axis."""
        return self.node.op_type in RECURRENT

    @property
    def is_finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        return bool(np.isfinite(self.array).all())

    @property
    def is_depthwise(self) -> bool:
        """Whether each output channel of a convolution sees one input channel."""
        return self.node.op_type == "Conv" and self.groups > 1 and self.tensor.dims[1] == 1


def find_weights(graph: onnx.GraphProto) -> dict[str, Weight]:
    """Return the float32 weights among the initializers of this graph, by their names.

    A node that uses one may be in a branch of an ``If``, or deeper. An initializer with several uses is known by the first.
    One that reaches its operator through nodes that only move elements counts as well, with axis 0.
    """
    inputs = {value.name for value in graph.input}
    constants = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in inputs
    }
    found: dict[str, Weight] = {}
    nodes = list(walking.iterate_inside(graph))
    for node, depth in nodes:
        for weight in _weights_of(node, constants, is_nested=depth > 0):
            found.setdefault(weight.name, weight)
    operands = _moved_operands([node for node, _ in nodes])
    for node, depth in nodes:
        for name in node.input if node.op_type in _MOVING else ():
            if name in operands and name in constants and name not in found and len(constants[name].dims) >= 2:
                found[name] = Weight(
                    name=name, node=node, operand=0, tensor=constants[name], axis=0, is_nested=depth > 0
                )
    return found


def _moved_operands(nodes: list[onnx.NodeProto]) -> set[str]:
    """Return the names of tensors whose elements a moving node takes on their way to a weighted operator."""
    reached = {
        node.input[index]
        for node in nodes
        for index in _OPERANDS.get(node.op_type, ())
        if node.op_type != "Gather" and index < len(node.input)
    }
    sources = {output: list(node.input) for node in nodes if node.op_type in _MOVING for output in node.output}
    pending = list(reached)
    while pending:
        new = [name for name in sources.get(pending.pop(), []) if name not in reached]
        reached.update(new)
        pending.extend(new)
    return reached


def _weights_of(
    node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto], *, is_nested: bool
) -> Iterator[Weight]:
    if node.domain not in ("", "ai.onnx"):
        return
    for index in _OPERANDS.get(node.op_type, ()):
        tensor = constants.get(node.input[index]) if index < len(node.input) else None
        axis = _channel_axis(node, rank=len(tensor.dims)) if tensor is not None else None
        if tensor is not None and axis is not None:
            yield Weight(name=tensor.name, node=node, operand=index, tensor=tensor, axis=axis, is_nested=is_nested)


def read_int(node: onnx.NodeProto, name: str, default: int) -> int:
    """Return an integer attribute of a node."""
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def read_ints(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    """Return an attribute of several integers."""
    return next((list(attribute.ints) for attribute in node.attribute if attribute.name == name), default)


def _channel_axis(node: onnx.NodeProto, *, rank: int) -> int | None:
    """Return the axis of the output channels; None where the weight has a rank that the operator's rule does not cover."""
    match node.op_type:
        case "Conv" | "ConvTranspose":
            axis, is_known = (0 if node.op_type == "Conv" else 1), rank >= 3
        case "Gemm":
            axis, is_known = (0 if read_int(node, "transB", 0) else 1), rank == 2
        case "MatMul":
            axis, is_known = rank - 1, rank >= 2
        case "Gather":
            axis, is_known = 0, rank == 2 and read_int(node, "axis", 0) == 0
        case _:
            axis, is_known = 1, rank == 3
    return axis if is_known else None
