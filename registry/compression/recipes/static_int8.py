"""Static INT8 in QDQ form, weights per channel: the default for convolutional models.

1. prepare the model (``preparing``)
2. ranges of activations from the calibration part of the samples, by our streaming calibrator
3. ONNX Runtime's ``QDQQuantizer`` with those ranges

The type of activations belongs to the target: u8 on x86, s8 on ARM, s8 symmetric for TensorRT. ``reduce_range`` is for
AVX2 without VNNI, whose 16-bit sums saturate.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from registry.compression.calibration import ranges
from registry.compression.calibration.histograms import Range
from registry.compression.recipes import Parameters, preparing
from registry.compression.recipes.calibrating import feeds_of, spread, warn_of_few
from registry.compression.recipes.source import NotApplicable, Source

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_QUANTIZED = frozenset({"QuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"})
_TYPES = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the quantized model to ``destination``.

    Raises:
        NotApplicable: No samples, nothing to quantize, already quantized, or an operator set that is too old.
    """
    _check_applicable(source)
    model = preparing.prepare(source, scratch=destination)
    found = ranges_of(source, model=model, parameters=parameters)
    excluded = preparing.find_excluded(model, source)
    preparing.finish(quantize(model, found, parameters=parameters, excluded=excluded), source, destination=destination)


def ranges_of(source: Source, *, model: onnx.ModelProto, parameters: Parameters) -> dict[str, Range]:
    """Calibrate ``model`` on the part of the samples that is kept for ranges.

    Raises:
        NotApplicable: No samples were given, or an activation is not finite on one.
    """
    samples = source.samples
    if samples is None:
        message = "no calibration samples were given"
        raise NotApplicable(message)
    indices = spread(samples.for_ranges)
    found = ranges.collect(
        model, feeds_of(source, indices), threads=source.threads, seconds=float(parameters["calibration_seconds"])
    )
    warn_of_few(source, used=found.feeds, given=len(samples.for_ranges))
    try:
        found.check_finite()
    except ranges.NotFinite as error:
        raise NotApplicable(str(error).rstrip(".")) from error
    return found.choose(
        str(parameters["ranges"]),
        percentile=float(parameters["percentile"]),
        is_symmetric=bool(parameters["symmetric_activations"]),
    )


def quantize(
    model: onnx.ModelProto, found: Mapping[str, Range], *, parameters: Parameters, excluded: Iterable[str] = ()
) -> onnx.ModelProto:
    """Insert quantize and dequantize pairs with the given ranges (semi-public API of ONNX Runtime: tested, pinned)."""
    data = {name: TensorData(lowest=np.float32(low), highest=np.float32(high)) for name, (low, high) in found.items()}
    quantizer = QDQQuantizer(
        model,
        parameters["per_channel"],
        parameters["reduce_range"],
        QuantType.QInt8,
        _TYPES[str(parameters["activation_type"])],
        TensorsData(CalibrationMethod.MinMax, data),
        [],
        sorted(excluded),
        sorted({*QLinearOpsRegistry, *QDQRegistry}),
        {"ActivationSymmetric": parameters["symmetric_activations"], "WeightSymmetric": True},
    )
    quantizer.quantize_model()
    quantized: onnx.ModelProto = quantizer.model.model
    return quantized


def _check_applicable(source: Source) -> None:
    operators = Counter(node.op_type for node in source.model.graph.node)
    reasons = (
        (source.samples is None, "no calibration samples were given"),
        (any(operators[name] for name in _QUANTIZED), "the model is quantized already"),
        (not any(operators[name] for name in _WEIGHTED), "the model has no convolution or matrix multiplication"),
        (not ranges.float_tensors(source.model), "the model does not compute in float32"),
    )
    for applies, reason in reasons:
        if applies:
            raise NotApplicable(reason)
