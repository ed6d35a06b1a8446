"""Finds the weights of a graph: the constant operands of operators that multiply, with their axis of output channels."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx
from onnx import numpy_helper

from registry.compression.arrays import Array

RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
# Operator → the inputs that are weights. A recurrent one has two: for its input, and for its own state.
_OPERANDS: Mapping[str, tuple[int, ...]] = {
    "Conv": (1,), "ConvTranspose": (1,), "Gemm": (1,), "MatMul": (1,), "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2), "Gather": (0,),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One initializer that an operator multiplies by; ``axis`` is the axis of the output channels."""

    name: str
    node: onnx.NodeProto
    # The index of the weight among the inputs of the node.
    operand: int
    tensor: onnx.TensorProto
    axis: int

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
    def is_depthwise(self) -> bool:
        """Whether each output channel of a convolution sees one input channel."""
        return self.node.op_type == "Conv" and self.groups > 1 and self.tensor.dims[1] == 1


def find_weights(graph: onnx.GraphProto) -> dict[str, Weight]:
    """Return the float32 weights of this graph by the name of their initializer; those of graphs inside it are left out.

    An initializer with several uses is known by the first.
    """
    inputs = {value.name for value in graph.input}
    constants = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in inputs
    }
    found: dict[str, Weight] = {}
    for node in graph.node:
        for index in _OPERANDS.get(node.op_type, ()) if node.domain in ("", "ai.onnx") else ():
            name = node.input[index] if index < len(node.input) else ""
            axis = _channel_axis(node, rank=len(constants[name].dims)) if name in constants else None
            if axis is not None and name not in found:
                found[name] = Weight(name=name, node=node, operand=index, tensor=constants[name], axis=axis)
    return found


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
