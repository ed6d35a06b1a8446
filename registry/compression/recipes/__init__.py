"""The recipes: each has one line here and one module in this folder.

This module is light, so that web and parent processes can list recipes; the modules import onnx and run in the child.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Literal

GateKind = Literal["exact", "quantized"]
Parameter = bool | int | float | str
Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The description of a recipe; its module does the work."""

    name: str
    title: str
    module: str
    gate: GateKind
    tools: tuple[str, ...]
    parameters: Parameters = field(default_factory=dict)
    # Whether it fixes the ranges of activations, which wrong calibration samples spoil.
    sets_activation_ranges: bool = False
    # Whether it does not apply to a version without samples.
    needs_samples: bool = False
    # Raised when a change of the recipe's code changes its files, so that no older file is taken from a cache.
    revision: int = 1


RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in (
    Recipe(name="fp32-optimized", title="FP32, graph optimized", module="fp32_optimized", gate="exact", tools=("onnx", "onnxruntime"), parameters={"level": "extended"}),
    Recipe(name="as-is", title="As uploaded, which is small already", module="as_is", gate="exact", tools=("onnx",)),
    Recipe(name="fp16", title="FP16, for GPUs and NPUs", module="fp16", gate="quantized", tools=("onnx", "onnxruntime", "numpy")),
    Recipe(name="int8-storage", title="INT8 in the file, FP32 in memory", module="int8_storage", gate="quantized", tools=("onnx", "onnxruntime", "numpy")),
    Recipe(name="int4-storage", title="INT4 in the file, FP32 in memory", module="int4_storage", gate="quantized", tools=("onnx", "onnxruntime", "numpy"), parameters={"min_elements": 16_384}),
    Recipe(name="fp16-storage", title="FP16 in the file, FP32 in memory", module="fp16_storage", gate="quantized", tools=("onnx", "onnxruntime", "numpy")),
    Recipe(name="static-int8", title="INT8, statically quantized (QDQ)", module="static_int8", gate="quantized", tools=("onnx", "onnxruntime", "numpy"), parameters={"activation_type": "uint8", "symmetric_activations": False, "reduce_range": False, "per_channel": True, "ranges": "percentile", "percentile": 99.999, "calibration_seconds": 60.0}, sets_activation_ranges=True, needs_samples=True, revision=2),
    Recipe(name="mixed-int8", title="INT8 where it is harmless, stored INT8 elsewhere", module="mixed_int8", gate="quantized", tools=("onnx", "onnxruntime", "numpy"), parameters={"activation_type": "uint8", "symmetric_activations": False, "reduce_range": False, "search_seconds": 90.0}, sets_activation_ranges=True, needs_samples=True),
    Recipe(name="dynamic-int8", title="INT8, quantized dynamically", module="dynamic_int8", gate="quantized", tools=("onnx", "onnxruntime", "numpy"), parameters={"per_channel": True, "reduce_range": False}),
    Recipe(name="weight-only-int4", title="INT4 weights of matrix products", module="weight_only_int4", gate="quantized", tools=("onnx", "onnxruntime", "numpy"), parameters={"block_size": 64, "accuracy_level": 4}),
)})  # fmt: skip

# Parameters that any recipe takes; their steps run before the recipe. Left out of the digest where a target does not give them.
SHARED_PARAMETERS: Parameters = MappingProxyType({"fixed_shape": False})

# Names that targets may already ask for. Until a recipe is built, it is passed over with a stored reason.
NOT_BUILT_YET = frozenset({
    "coreml-fp16", "hailo-hef", "litert-int8", "ncnn-fp16", "nncf-mixed", "pruned-int8", "rknn-int8",
})  # fmt: skip


def resolve_parameters(recipe: Recipe, given: Parameters) -> dict[str, Parameter]:
    """Return the recipe's parameters with those of a target in their place.

    Raises:
        ValueError: One that the recipe does not have, or of another type than its default.
    """
    known = {**SHARED_PARAMETERS, **recipe.parameters}
    for name, value in given.items():
        if name not in known:
            message = f'the recipe "{recipe.name}" has no parameter "{name}"'
            raise ValueError(message)
        if type(value) is not type(known[name]):
            message = f'the parameter "{name}" of "{recipe.name}" must be {type(known[name]).__name__}'
            raise ValueError(message)
    return {**recipe.parameters, **given}


def compute_digest(name: str, parameters: Parameters) -> str:
    """Return the SHA-256 of the canonical JSON of (name, parameters, versions of the tools)."""
    recipe = RECIPES.get(name)
    body = {
        "name": name,
        "parameters": dict(parameters),
        "revision": recipe.revision if recipe else 0,
        "tools": {tool: metadata.version(tool) for tool in recipe.tools} if recipe else {},
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
