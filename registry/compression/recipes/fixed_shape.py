"""Fixes every free extent before a recipe runs: NPUs compile a graph for one shape, and take nothing else.

A parameter of each recipe (``fixed_shape``), not a recipe: the step comes before quantizing, so that what was computed from
extents is folded into constants.
"""

from dataclasses import replace

import onnx

from registry.compression.recipes import Parameters
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.runtime import RUNTIME_ERRORS, open_session, random_feed
from registry.compression.tensor_specs import TensorSpec


def apply(source: Source, *, parameters: Parameters) -> Source:
    """Return the source with a batch of 1 and the sizes of the smoke inference, or itself where the target does not ask.

    Raises:
        NotApplicable: No inference succeeds with these sizes.
    """
    if not parameters.get("fixed_shape", False):
        return source
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in weights:
            _fix(value, source.sizes or {})
    _fix_outputs(model)
    return replace(source, model=model)


def _fix(value: onnx.ValueInfoProto, sizes: dict[str, int]) -> None:
    for axis, extent in enumerate(value.type.tensor_type.shape.dim):
        if extent.dim_value < 1:
            name = extent.dim_param or f"{value.name}_{axis}"
            extent.dim_value = sizes.get(name, 1)


def _fix_outputs(model: onnx.ModelProto) -> None:
    """Write the shapes of one inference to the outputs; shapes inside the graph may contradict them, and are dropped."""
    del model.graph.value_info[:]
    try:
        session = open_session(model.SerializeToString(), level="basic")
        specs = [TensorSpec(one.name, _DTYPES[one.type], tuple(one.shape)) for one in session.get_inputs()]
        arrays = session.run(None, random_feed(specs, sizes={}))
    except RUNTIME_ERRORS as error:
        message = "no inference succeeds with the shape fixed"
        raise NotApplicable(message) from error
    for value, array in zip(model.graph.output, arrays, strict=True):
        del value.type.tensor_type.shape.dim[:]
        for extent in array.shape:
            value.type.tensor_type.shape.dim.add().dim_value = extent


_DTYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool",
    "tensor(int8)": "int8", "tensor(int16)": "int16", "tensor(int32)": "int32", "tensor(int64)": "int64",
    "tensor(uint8)": "uint8", "tensor(uint16)": "uint16", "tensor(uint32)": "uint32", "tensor(uint64)": "uint64",
}  # fmt: skip
