"""Reads the inputs and outputs of a graph, and refuses those that no edge device can use."""

import math

import numpy as np
import onnx
from onnx import TensorProto

from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits
from registry.compression.tensor_specs import TensorSpec

_DTYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64", TensorProto.FLOAT16: "float16", TensorProto.BOOL: "bool",
    TensorProto.INT8: "int8", TensorProto.INT16: "int16", TensorProto.INT32: "int32", TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8", TensorProto.UINT16: "uint16", TensorProto.UINT32: "uint32", TensorProto.UINT64: "uint64",
}  # fmt: skip


def read(model: onnx.ModelProto, *, limits: Limits) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Return (inputs, outputs); weights listed among the inputs, as files before IR 4 do, are left out.

    Raises:
        ModelRefused: No input or output, one that is no tensor of numbers, or an input too large to feed.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [_read_value(value, role="input") for value in model.graph.input if value.name not in weights]
    outputs = [_read_value(value, role="output") for value in model.graph.output]
    if not inputs or not outputs:
        raise ModelRefused("The model has no input or no output.", reason="no_interface")
    for spec in inputs:
        _check_input(spec, limit_bytes=limits.input_bytes)
    return inputs, outputs


def _read_value(value: onnx.ValueInfoProto, *, role: str) -> TensorSpec:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type not in _DTYPES:
        message = f'The {role} "{value.name}" is not a tensor of numbers; sequences, maps, strings and the like are not accepted.'
        raise ModelRefused(message, reason="interface_type")
    if role == "input" and not tensor.HasField("shape"):
        raise ModelRefused(f'The input "{value.name}" has no shape.', reason="input_shape")
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or f"{value.name}_{axis}"
        for axis, dim in enumerate(tensor.shape.dim)
    )
    return TensorSpec(value.name, _DTYPES[tensor.elem_type], shape)


def _check_input(spec: TensorSpec, *, limit_bytes: float) -> None:
    extents = [extent for extent in spec.shape if isinstance(extent, int)]
    if any(extent < 1 for extent in extents):
        raise ModelRefused(f'The input "{spec.name}" has an extent below 1.', reason="input_shape")
    if math.prod(extents) * np.dtype(spec.dtype).itemsize > limit_bytes:
        raise ModelRefused(f'The input "{spec.name}" has {math.prod(extents):.3g} elements.', reason="input_too_large")
