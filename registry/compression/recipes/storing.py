"""The workflow that the storage recipes share; a recipe chooses the bits of each weight.

1. fold constants, give all of them one form                        (``weights.constants``)
2. quantize weights by GPTQ; plain rounding without samples         (``gptq``)
3. store what became small, with the nodes that unpack it at load   (``weights.stored``)
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from registry.compression.intake import cleaning, walking
from registry.compression.recipes import gptq
from registry.compression.recipes.fp32_optimized import optimize
from registry.compression.recipes.gptq import ChooseSteps, RoundedMatrix
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.recipes.weights import blocks, constants, matrices, rounding, stored, uses
from registry.compression.recipes.weights.stored import StoredWeights
from registry.compression.recipes.weights.uses import Weight

HALF = 16
RUNS_AS_FP32 = "Only the file is small. The model runs in the memory and at the speed of FP32, and needs more memory while it loads."
ROUNDED = "There were no samples to learn from, so its weights were rounded plainly. With samples they come closer to their source."

# Under this number of elements, the nodes that unpack a tensor take more than they save.
_MIN_HALF = 256
_STEPS: Mapping[int, ChooseSteps] = {
    8: lambda matrix: rounding.choose_steps(matrix, axes=(2,), bits=8),
    4: blocks.choose_steps,
}

# From a weight to 4, 8 or 16 bits.
ChooseBits = Callable[[Weight], int]


def store(source: Source, *, destination: Path, bits: int, choose_bits: ChooseBits) -> None:
    """Write the model with stored weights to ``destination``; large constants without a known use become FP16.

    Raises:
        NotApplicable: No weight is stored with this number of bits.
    """
    model = _prepare(source.model, destination=destination)
    rounded = _round(source, model, choose_bits=choose_bits)
    names, counts = stored.short_names(model), Counter[int]()
    for graph, _ in walking.iterate_graphs(model):
        counts += _store_graph(StoredWeights(graph, names=names), graph, rounded=rounded, choose_bits=choose_bits)
    if not counts[bits]:
        message = f"no weight in float32 is large enough for {bits} bits"
        raise NotApplicable(message)
    source.warnings.extend(_warn(source, rounded=rounded, counts=counts))
    cleaning.clean(model)
    cleaning.prune_opset_imports(model)
    destination.write_bytes(model.SerializeToString(deterministic=True))


def _prepare(model: onnx.ModelProto, *, destination: Path) -> onnx.ModelProto:
    """Optimize at level basic; the model is left as it is where folded constants take more than the nodes they replace."""
    constants.unify(model)
    optimized = optimize(model, destination=destination, level="basic")
    constants.unify(optimized)
    return optimized if optimized.ByteSize() <= model.ByteSize() else model


def _round(source: Source, model: onnx.ModelProto, *, choose_bits: ChooseBits) -> dict[str, RoundedMatrix]:
    """Round the weights of the main graph; only its tensors can be seen on samples."""
    found = uses.find_weights(model.graph).values()
    rounded: dict[str, RoundedMatrix] = {}
    for bits, choose_steps in _STEPS.items():
        weights = [weight for weight in found if choose_bits(weight) == bits and weight.is_finite]
        rounded |= gptq.round_matrices(
            model,
            weights,
            source.samples,
            choose_steps=choose_steps,
            bits=bits,
            threads=source.threads,
            report=source.report,
        )
    return rounded


def _store_graph(
    target: StoredWeights, graph: onnx.GraphProto, *, rounded: Mapping[str, RoundedMatrix], choose_bits: ChooseBits
) -> Counter[int]:
    found, counts = uses.find_weights(graph), Counter[int]()
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < _MIN_HALF:
            continue
        weight = found.get(tensor.name)
        bits = choose_bits(weight) if weight is not None and weight.is_finite else HALF
        if weight is None or bits == HALF:
            counts[HALF] += target.keep_half(tensor.name, numpy_helper.to_array(tensor))
            continue
        known = rounded.get(tensor.name)
        if known is None or known.weight.tensor is not weight.tensor:
            known = gptq.round_plainly(weight, choose_steps=_STEPS[bits], bits=bits)
        _KEEP[bits](target, known)
        counts[bits] += 1
    target.apply()
    return +counts


def _keep_bytes(target: StoredWeights, matrix: RoundedMatrix) -> None:
    weight = matrix.weight
    scales = matrix.steps.reshape(matrices.scales_shape(weight))
    target.keep_bytes(weight.name, matrices.from_matrix(weight, matrix.integers), scales)


def _keep_nibbles(target: StoredWeights, matrix: RoundedMatrix) -> None:
    arranged = blocks.arrange(matrix.weight, integers=matrix.integers, steps=matrix.steps)
    target.keep_nibbles(matrix.weight.name, arranged, shape=list(matrix.weight.tensor.dims))


_KEEP: Mapping[int, Callable[[StoredWeights, RoundedMatrix], None]] = {8: _keep_bytes, 4: _keep_nibbles}


def _warn(source: Source, *, rounded: Mapping[str, RoundedMatrix], counts: Counter[int]) -> Iterator[str]:
    yield RUNS_AS_FP32
    if source.samples is None and set(counts) - {HALF}:
        yield ROUNDED
    elif late := [matrix for matrix in rounded.values() if matrix.is_late]:
        yield f"{len(late)} of its {len(rounded)} weights were rounded plainly, because the time for learning was over."
