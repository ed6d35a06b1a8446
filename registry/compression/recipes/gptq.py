"""Quantizes weights so that the outputs of their operators change least (GPTQ: Frantar et al., 2022, arXiv:2210.17323).

1. the weights of the main graph, in their order                              (``weights.uses``)
2. what their operators multiply them by on samples, a few hundred rows each  (``weights.grams``)
3. column by column: round one, correct the others for its error              (``weights.solver``)

Plain rounding with the same scales stands for it without samples, where an operator has no rows to learn from (depthwise and
transposed convolutions, tables), and for weights whose turn comes after ``MAX_SECONDS``. ``method`` tells the two apart.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import onnx

from registry.compression.calibration.samples import Samples
from registry.compression.recipes.source import Report, report_nothing
from registry.compression.recipes.weights import grams, matrices, patches, rounding, solver, uses
from registry.compression.recipes.weights.rounding import Floats, Integers, QuantizedWeight
from registry.compression.recipes.weights.uses import Weight

MAX_SECONDS = 120.0

# From a matrix (groups, outputs, columns) to its steps, in a shape that multiplies the matrix.
ChooseSteps = Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True)
class RoundedMatrix:
    """A weight as a matrix (groups, outputs per group, columns): weight ≈ integers · steps."""

    weight: Weight
    integers: Integers
    steps: Floats
    method: Literal["gptq", "rounding"] = "rounding"
    # Whether there were rows to learn from, and no time.
    is_late: bool = False


def quantize_weights(
    model: onnx.ModelProto,
    samples: Samples | None,
    *,
    bits: int = 8,
    threads: int = 2,
    report: Report = report_nothing,
) -> dict[str, QuantizedWeight]:
    """Return integers and scales of every float32 weight of the main graph, by the name of its initializer.

    The scale of an output channel is that of plain rounding: absmax / (2^(bits-1) - 1). Constants have to be initializers.
    Both directions of a recurrent operator share a scale, and are rounded plainly.
    """
    weights = uses.find_weights(model.graph)
    quantized = {
        name: rounding.round_weight(weight.array, axis=weight.axis, bits=bits) for name, weight in weights.items()
    }
    learned = round_matrices(
        model,
        [weight for weight in weights.values() if patches.can_pick(weight) and not weight.is_recurrent],
        samples,
        choose_steps=lambda matrix: rounding.choose_steps(matrix, axes=(2,), bits=bits),
        bits=bits,
        threads=threads,
        report=report,
    )
    for name, matrix in learned.items():
        integers = matrices.from_matrix(matrix.weight, matrix.integers)
        quantized[name] = replace(quantized[name], integers=integers, method=matrix.method)
    return quantized


def round_matrices(
    model: onnx.ModelProto,
    weights: Sequence[Weight],
    samples: Samples | None,
    *,
    choose_steps: ChooseSteps,
    bits: int,
    threads: int = 2,
    report: Report = report_nothing,
) -> dict[str, RoundedMatrix]:
    """Round weights of the main graph with steps that the caller chooses."""
    ends_at = time.monotonic() + MAX_SECONDS
    rounded = {weight.name: round_plainly(weight, choose_steps=choose_steps, bits=bits) for weight in weights}
    if samples is None:
        return rounded
    batches = list(grams.batches([weight for weight in weights if patches.can_pick(weight)]))
    for index, batch in enumerate(batches):
        report("quantizing weights", index / len(batches))
        if time.monotonic() > ends_at:
            late = [weight for batch in batches[index:] for weight in batch]
            return rounded | {weight.name: replace(rounded[weight.name], is_late=True) for weight in late}
        learned = grams.learn(model, batch, samples=samples, threads=threads)
        rounded |= {weight.name: _solve(rounded[weight.name], learned[weight.name], bits=bits) for weight in batch}
    return rounded


def round_plainly(weight: Weight, *, choose_steps: ChooseSteps, bits: int) -> RoundedMatrix:
    """Round one weight to nearest."""
    matrix = matrices.to_matrix(weight, weight.array)
    steps = choose_steps(matrix)
    return RoundedMatrix(weight=weight, integers=rounding.to_integers(matrix, steps, bits=bits), steps=steps)


def _solve(rounded: RoundedMatrix, learned: Sequence[Floats], *, bits: int) -> RoundedMatrix:
    matrix = matrices.to_matrix(rounded.weight, rounded.weight.array)
    steps = np.broadcast_to(rounded.steps, matrix.shape)
    integers = np.empty_like(rounded.integers)
    try:
        for part, gram in zip(grams.parts(rounded.weight), learned, strict=True):
            for group in range(len(matrix)):
                integers[group, :, part] = solver.solve(
                    matrix[group, :, part], gram[group], steps[group, :, part], top=rounding.top_level(bits)
                )
    except solver.NotSolvable:
        return rounded
    return replace(rounded, integers=integers, method="gptq")
