"""FP32 with the graph optimized ahead of time: fewer nodes, the same numbers.

The level is "extended" at most, whose ``FusedConv`` is portable. ONNX Runtime's level "all" writes ``com.microsoft.nchwc`` operators
that are bound to the memory layout of this host. "basic" where another provider than the CPU's runs the graph: it may
know standard operators only.
"""

from pathlib import Path

import onnx

from registry.compression.intake import cleaning
from registry.compression.recipes import Parameters
from registry.compression.recipes.source import Source
from registry.compression.runtime import open_session

_PORTABLE_LEVELS = frozenset({"basic", "extended"})


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the optimized model to ``destination``.

    Raises:
        ValueError: The level is not a portable one.
    """
    level = str(parameters["level"])
    if level not in _PORTABLE_LEVELS:
        message = f'the level "{level}" is not portable'
        raise ValueError(message)
    optimize(source.model, destination=destination, level=level)


def optimize(model: onnx.ModelProto, *, destination: Path, level: str) -> onnx.ModelProto:
    """Optimize the model with ONNX Runtime, remove the metadata that this adds, write and return the result."""
    open_session(model.SerializeToString(), optimized_to=destination, level=level)
    optimized = onnx.load(destination, load_external_data=False)
    cleaning.clean(optimized)
    cleaning.prune_opset_imports(optimized)
    destination.write_bytes(optimized.SerializeToString(deterministic=True))
    return optimized
