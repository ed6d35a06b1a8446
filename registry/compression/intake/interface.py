"""Reads the inputs and outputs of a graph, and refuses those that no edge device can use."""

import math
from collections import Counter
from collections.abc import Sequence

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
_MAX_VALUES = 256
_MAX_RANK = 16
_MAX_NAME_LENGTH = 512
_SHOWN_LENGTH = 80
_UNKNOWN = frozenset({"none", "unk", "unknown", "dynamic"})


def read(model: onnx.ModelProto, *, limits: Limits) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Return (inputs, outputs); weights listed among the inputs, as files before IR 4 do, are left out.

    Raises:
        ModelRefused: No input or output, one that is no tensor of numbers, or an input too large to feed.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    fed = [value for value in model.graph.input if value.name not in weights]
    if len(fed) > _MAX_VALUES:
        message = f"The model has {len(fed)} inputs; at most {_MAX_VALUES} are accepted."
        raise ModelRefused(message, reason="too_many_values")
    if not fed or not model.graph.output:
        raise ModelRefused("The model has no input or no output.", reason="no_interface")
    inputs = [_read_value(value, role="input") for value in fed]
    outputs = [_read_value(value, role="output") for value in model.graph.output]
    for spec in inputs:
        _check_input(spec, limit_bytes=limits.input_bytes)
    return inputs, outputs


def check_names(model: onnx.ModelProto) -> None:
    """Refuse values that the checker of onnx would not name.

    Raises:
        ModelRefused: Two inputs or two outputs of one name, too many of them, or a name that is too long.
    """
    _check_names(model.graph.input, role="input", limit=_MAX_VALUES + len(model.graph.initializer))
    _check_names(model.graph.output, role="output", limit=_MAX_VALUES)


def name_free_extents(model: onnx.ModelProto) -> None:
    """Give every extent of an input or output that is missing, 0, negative or "?" a name of its own.

    Exporters write all of them for a free extent. Two that are called "?" need not be equal.
    """
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not (_is_name(dim.dim_param) or (dim.HasField("dim_value") and dim.dim_value > 0)):
                dim.dim_param = f"{value.name}_{axis}"


def _is_name(text: str) -> bool:
    return any(letter.isalpha() for letter in text) and text.lower() not in _UNKNOWN


def _check_names(values: Sequence[onnx.ValueInfoProto], *, role: str, limit: int) -> None:
    if len(values) > limit:
        message = f"The model has {len(values)} {role}s; at most {limit} are accepted."
        raise ModelRefused(message, reason="too_many_values")
    for name, count in Counter(value.name for value in values).items():
        if count > 1:
            raise ModelRefused(
                f'The model has {count} {role}s of the name "{_short(name)}".', reason=f"duplicate_{role}"
            )
        if not name.isprintable() or not 0 < len(name) <= _MAX_NAME_LENGTH:
            message = f'The name of the {role} "{_short(name)}" has {len(name)} characters; accepted are 1 to {_MAX_NAME_LENGTH} that print.'
            raise ModelRefused(message, reason="interface_name")


def _read_value(value: onnx.ValueInfoProto, *, role: str) -> TensorSpec:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type not in _DTYPES:
        message = f'The {role} "{value.name}" is not a tensor of numbers; sequences, maps, strings and the like are not accepted.'
        raise ModelRefused(message, reason="interface_type")
    if role == "input" and not tensor.HasField("shape"):
        raise ModelRefused(f'The input "{value.name}" has no shape.', reason="input_shape")
    if len(tensor.shape.dim) > _MAX_RANK:
        message = f'The {role} "{value.name}" has {len(tensor.shape.dim)} axes; at most {_MAX_RANK} are accepted.'
        raise ModelRefused(message, reason=f"{role}_shape")
    shape = tuple(
        dim.dim_value
        if dim.HasField("dim_value") and dim.dim_value > 0
        else _short(dim.dim_param) or f"{value.name}_{axis}"
        for axis, dim in enumerate(tensor.shape.dim)
    )
    return TensorSpec(value.name, _DTYPES[tensor.elem_type], shape)


def _check_input(spec: TensorSpec, *, limit_bytes: float) -> None:
    elements = math.prod(extent for extent in spec.shape if isinstance(extent, int))
    if elements * np.dtype(spec.dtype).itemsize > limit_bytes:
        raise ModelRefused(f'The input "{spec.name}" has {elements:.3g} elements.', reason="input_too_large")


def _short(name: str) -> str:
    return "".join(letter for letter in name[:_SHOWN_LENGTH] if letter.isprintable())


def declare_outputs(model: onnx.ModelProto, outputs: Sequence[TensorSpec]) -> bool:
    """Write observed shapes of outputs into the graph in place; say whether that changed anything."""
    before = [value.SerializeToString() for value in model.graph.output]
    for value, spec in zip(model.graph.output, outputs, strict=True):
        kind = value.type.tensor_type.elem_type
        value.type.CopyFrom(onnx.helper.make_tensor_type_proto(kind, spec.shape))
    return before != [value.SerializeToString() for value in model.graph.output]
