"""Dynamic INT8: weights of matrix products as integers, and a range for each activation that the device measures in each inference.

It needs no samples. It fits models that consist of matrix products: three times faster on a small transformer. Convolutions
become 2 to 9 times slower this way, so a model that consists of them is not applicable.
"""

import math
from collections.abc import Collection
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode

from registry.compression.recipes import Parameters, preparing
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.recipes.weights import uses
from registry.compression.recipes.weights.uses import Weight

_MIN_ELEMENTS = 1024
# A table of embeddings is read by Gather; its integers become floats where they are read.
_OPERATORS = ("Gather", "Gemm", "MatMul")


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the quantized model to ``destination``.

    Raises:
        NotApplicable: The model does not consist of matrix products with constant weights.
    """
    check_matrix_products(source.model)
    model = preparing.prepare(source, scratch=destination)
    excluded = preparing.find_excluded(model, source)
    nodes = find_nodes(model, operators=_OPERATORS, excluded=excluded)
    if not nodes:
        message = "no matrix product has a weight that is large enough"
        raise NotApplicable(message)
    preparing.finish(_quantize(model, nodes, parameters=parameters), source, destination=destination)


def check_matrix_products(model: onnx.ModelProto) -> None:
    """Count the operators with constant weights.

    Raises:
        NotApplicable: Convolutions are as many as matrix products, or there is none of these.
    """
    weights = uses.find_weights(model.graph).values()
    products = sum(weight.node.op_type in ("MatMul", "Gemm") for weight in weights)
    convolutions = sum(weight.node.op_type in ("Conv", "ConvTranspose") for weight in weights)
    if not products:
        message = "the model has no matrix multiplication with constant weights"
        raise NotApplicable(message)
    if convolutions >= products:
        message = "the model consists of convolutions, which dynamic quantization makes slower"
        raise NotApplicable(message)


def find_nodes(model: onnx.ModelProto, *, operators: Collection[str], excluded: Collection[str]) -> list[Weight]:
    """Return the weights, with their nodes, that are large enough to be quantized."""
    return [
        weight
        for weight in uses.find_weights(model.graph).values()
        if weight.node.op_type in operators
        and weight.node.name not in excluded
        and len(weight.tensor.dims) == 2
        and math.prod(weight.tensor.dims) >= _MIN_ELEMENTS
        and weight.is_finite
    ]


def _quantize(model: onnx.ModelProto, weights: Collection[Weight], *, parameters: Parameters) -> onnx.ModelProto:
    """Quantize by ONNX Runtime (semi-public API: tested, pinned)."""
    quantizer = ONNXQuantizer(
        model,
        parameters["per_channel"],
        parameters["reduce_range"],
        QuantizationMode.IntegerOps,
        False,  # noqa: FBT003 - ranges are not fixed: the signature of ONNX Runtime
        QuantType.QInt8,
        QuantType.QUInt8,
        None,
        [weight.node.name for weight in weights],
        [],
        list(_OPERATORS),
        {"MatMulConstBOnly": True, "WeightSymmetric": True},
    )
    quantizer.quantize_model()
    quantized: onnx.ModelProto = quantizer.model.model
    return quantized
