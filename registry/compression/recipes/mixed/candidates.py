"""Finds the nodes that may compute in INT8: operators with large constant weights, and nothing else.

Weights under 1,024 elements save nothing. Products of two activations are no candidates either: quantizing them alone costs
up to 9 dB, and quantizing every operator turns a normalization that is made of single operators into noise.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx

from registry.compression.recipes.weights import uses
from registry.compression.recipes.weights.uses import Weight

MIN_ELEMENTS = 1024
_OPERATORS = frozenset({"Conv", "Gemm", "MatMul"})
# An integer operator computes these along, where its result is quantized behind them.
_ABSORBED = frozenset({"Relu", "Clip"})
# These give values of their input, so that both ends share one scale.
_PRESERVING = frozenset({"MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"})


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A node that may compute in INT8."""

    weight: Weight
    # The tensors whose ranges are needed: the input, and the result of a convolution behind its activation function.
    activation: str
    result: str | None

    @property
    def name(self) -> str:
        """The name of the node."""
        return str(self.weight.node.name)

    @property
    def tensors(self) -> set[str]:
        """The activations that are quantized with this node."""
        return {self.activation} | ({self.result} if self.result else set())

    def count_multiply_adds(self, elements: Mapping[str, int]) -> int:
        """Return the multiply-adds of one inference from the number of elements of each tensor."""
        dims = self.weight.tensor.dims
        if made := elements.get(self.result or "", 0):
            return int(made * math.prod(dims) // dims[self.weight.axis])
        # Of a matrix product: each row of the input meets the whole matrix.
        return int(elements.get(self.activation, 0) * dims[self.weight.axis])


def find_candidates(model: onnx.ModelProto, *, excluded: Collection[str], is_symmetric: bool) -> list[Candidate]:
    """Return the candidates in the order of the graph; symmetric activations are quantized before Relu."""
    readers = Counter(name for node in model.graph.node for name in node.input)
    readers.update(value.name for value in model.graph.output)
    by_input = {name: node for node in model.graph.node for name in node.input}
    found = []
    for weight in uses.find_weights(model.graph).values():
        node = weight.node
        if node.op_type not in _OPERATORS or node.name in excluded or not _is_plain(weight):
            continue
        result = node.output[0]
        behind = by_input.get(result)
        if behind is not None and behind.op_type in _ABSORBED and readers[result] == 1 and not is_symmetric:
            result = behind.output[0]
        found.append(
            Candidate(weight=weight, activation=node.input[0], result=result if node.op_type == "Conv" else None)
        )
    return found


def find_roots(model: onnx.ModelProto) -> dict[str, str]:
    """Return, for each tensor that has the values of another one, the name of the first of them."""
    roots: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type in _PRESERVING:
            roots[node.output[0]] = roots.get(node.input[0], node.input[0])
    return roots


def _is_plain(weight: Weight) -> bool:
    node, dims = weight.node, weight.tensor.dims
    if math.prod(dims) < MIN_ELEMENTS or not weight.is_finite:
        return False
    if node.op_type == "MatMul":
        return len(dims) == 2
    factors = {attribute.name: attribute.f for attribute in node.attribute if attribute.name in ("alpha", "beta")}
    return not uses.read_int(node, "transA", 0) and all(factor == 1 for factor in factors.values())
