"""FP16 that computes: for GPUs and NPUs, which are faster with it. A CPU is slower, because it converts forth and back.

Inputs and outputs keep their types, so that an application feeds the same arrays. Values beyond 65,504 are cut to it.
"""

import warnings
from pathlib import Path

import onnx
from onnxruntime.transformers import float16

from registry.compression.intake import cleaning
from registry.compression.recipes import Parameters, as_is, ordering
from registry.compression.recipes.fp32_optimized import optimize
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.runtime import RUNTIME_ERRORS, open_session


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the converted model to ``destination``.

    Raises:
        NotApplicable: Small already, nothing in float32, or a graph that the converter breaks.
    """
    del parameters
    if found := as_is.describe(source.model):
        message = f"the model is small already: {found}"
        raise NotApplicable(message)
    converted = _convert(optimize(source.model, destination=destination, level="basic"))
    cleaning.clean(converted)
    cleaning.prune_opset_imports(converted)
    data = converted.SerializeToString(deterministic=True)
    try:
        open_session(data, level="basic")
    except RUNTIME_ERRORS as error:
        message = "ONNX Runtime does not load the model in FP16"
        raise NotApplicable(message) from error
    destination.write_bytes(data)


def _convert(model: onnx.ModelProto) -> onnx.ModelProto:
    if not any(tensor.data_type == onnx.TensorProto.FLOAT for tensor in model.graph.initializer):
        message = "the model has no constants in float32"
        raise NotApplicable(message)
    with warnings.catch_warnings():
        # The converter warns of each value that it cuts; the gates compare the outputs.
        warnings.simplefilter("ignore")
        converted: onnx.ModelProto = float16.convert_float_to_float16(model, keep_io_types=True)
    # The converter puts casts last.
    ordering.sort_nodes(converted)
    return converted
