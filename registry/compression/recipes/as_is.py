"""The cleaned upload itself, where it was made small before: quantized while training, by a tool, or in half precision.

A second rounding would only add errors. Every other recipe is passed over for such a model or leaves it as it is, and this one says why.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import onnx

from registry.compression.intake import cleaning, walking
from registry.compression.intake.tensors import count_elements
from registry.compression.recipes import Parameters
from registry.compression.recipes.source import NotApplicable, Source

_QUANTIZED = frozenset({
    "ConvInteger", "DequantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "GatherBlockQuantized",
    "MatMulBnb4", "MatMulInteger", "MatMulIntegerToFloat", "MatMulNBits", "QAttention", "QEmbedLayerNormalization", "QGemm",
    "QLinearAdd", "QLinearConv", "QLinearMatMul", "QuantizeLinear",
})  # fmt: skip
_KINDS: Mapping[int, str] = {
    onnx.TensorProto.FLOAT: "FP32", onnx.TensorProto.DOUBLE: "FP32",
    onnx.TensorProto.INT4: "INT4", onnx.TensorProto.UINT4: "INT4", onnx.TensorProto.INT8: "INT8", onnx.TensorProto.UINT8: "INT8",
    onnx.TensorProto.FLOAT16: "FP16", onnx.TensorProto.BFLOAT16: "BF16",
}  # fmt: skip


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the cleaned upload to ``destination``.

    Raises:
        NotApplicable: The model is in full precision.
    """
    del parameters
    found = describe(source.model)
    if not found:
        message = "the model is in full precision, so other recipes can make it smaller"
        raise NotApplicable(message)
    source.warnings.append(f"The model is offered as it was uploaded, because it is small already: {found}.")
    cleaning.prune_opset_imports(source.model)
    destination.write_bytes(source.model.SerializeToString(deterministic=True))


def describe(model: onnx.ModelProto) -> str:
    """Return the signs that a model was made small before its upload ("21 ConvInteger"), or "" where there are none."""
    operators = Counter(node.op_type for node in walking.iterate_nodes(model) if node.op_type in _QUANTIZED)
    if operators:
        return ", ".join(f"{count} {name}" for name, count in sorted(operators.items()))
    kinds = Counter[str]()
    for _, tensor in walking.iterate_tensors(model):
        if tensor.data_type in _KINDS:
            kinds[_KINDS[tensor.data_type]] += count_elements(tensor)
    most = max(kinds, key=lambda kind: kinds[kind], default="FP32")
    return "" if most == "FP32" else f"most of its weights are {most}"
