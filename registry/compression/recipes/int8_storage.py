"""INT8 in the file, FP32 in memory: the download shrinks, and the model runs as fast as its source (``storing``).

Depthwise and transposed convolutions have few weights for each output, and INT8 hurts them most: they are stored in FP16. So are
small weights, and large constants of other operators. No ranges of activations are set, so wrong samples do little harm.
"""

import math
from pathlib import Path

from registry.compression.recipes import Parameters, storing
from registry.compression.recipes.source import Source
from registry.compression.recipes.weights import matrices
from registry.compression.recipes.weights.uses import Weight

_MIN_ELEMENTS = 1024
# With fewer columns, a scale for each output takes as much as INT8 saves over FP16.
_MIN_COLUMNS = 8


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the model with stored weights to ``destination``.

    Raises:
        NotApplicable: No weight is large enough.
    """
    del parameters
    storing.store(source, destination=destination, bits=8, choose_bits=choose_bits)


def choose_bits(weight: Weight) -> int:
    """Return 8 for a weight that stands INT8 well, 16 for any other."""
    if weight.is_depthwise or weight.node.op_type == "ConvTranspose":
        return storing.HALF
    is_large = math.prod(weight.tensor.dims) >= _MIN_ELEMENTS and matrices.shape_of(weight)[2] >= _MIN_COLUMNS
    return 8 if is_large else storing.HALF
