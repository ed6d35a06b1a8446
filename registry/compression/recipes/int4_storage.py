"""INT4 in the file for large weights, INT8 for the others: FP32 in memory, as ``int8_storage``.

Each block of about 32 weights has a step of its own in FP16: 4.5 bits a weight.
"""

import math
from pathlib import Path

from registry.compression.recipes import Parameters, int8_storage, storing
from registry.compression.recipes.source import Source
from registry.compression.recipes.weights import blocks
from registry.compression.recipes.weights.uses import Weight


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the model with stored weights to ``destination``.

    Raises:
        NotApplicable: No weight is large enough.
    """
    least = int(parameters["min_elements"])

    def choose_bits(weight: Weight) -> int:
        bits = int8_storage.choose_bits(weight)
        is_large = math.prod(weight.tensor.dims) >= least
        return blocks.BITS if bits == 8 and is_large and blocks.has_blocks(weight) else bits

    storing.store(source, destination=destination, bits=blocks.BITS, choose_bits=choose_bits)
