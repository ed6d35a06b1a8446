"""Quantizes a set of nodes: pairs of QuantizeLinear and DequantizeLinear around them, integers for their weights.

ONNX Runtime fuses a node between pairs into one that computes in integers (QLinearConv, MatMulIntegerToFloat, QGemm).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from registry.compression.arrays import Array
from registry.compression.calibration.histograms import Range
from registry.compression.recipes.mixed.candidates import Candidate
from registry.compression.recipes.weights.rounding import QuantizedWeight

_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, kw_only=True)
class ActivationType:
    """How activations become integers: ``uint8`` or ``int8``, with 7 bits where ``reduce_range``."""

    dtype: str
    is_symmetric: bool = False
    reduce_range: bool = False

    def choose_scale(self, limits: Range) -> tuple[np.float32, Array]:
        """Return (scale, zero point) so that 0 is exact."""
        low, high = min(0.0, limits[0]), max(0.0, limits[1])
        top = (127 if self.dtype == "uint8" else 63) if self.reduce_range else (255 if self.dtype == "uint8" else 127)
        bottom = 0 if self.dtype == "uint8" else -top - 1
        if self.is_symmetric and self.dtype == "int8":
            scale, zero = max(-low, high) / top, 0
        else:
            scale = (high - low) / (top - bottom)
            zero = round(bottom - low / scale) if scale > 0 else 0
        return np.float32(scale if scale > 1e-30 else 1.0), np.array(zero, np.dtype(self.dtype))


def quantize(
    model: onnx.ModelProto,
    selection: Collection[Candidate],
    *,
    ranges: Mapping[str, Range],
    weights: Mapping[str, QuantizedWeight],
    activations: ActivationType,
) -> onnx.ModelProto:
    """Return a copy of the model in which the selected nodes compute in integers."""
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    _Rewriting(quantized.graph, ranges=ranges, activations=activations).run(selection, weights)
    return quantized


class _Rewriting:
    def __init__(self, graph: onnx.GraphProto, *, ranges: Mapping[str, Range], activations: ActivationType) -> None:
        self._graph = graph
        self._scales = {name: activations.choose_scale(limits) for name, limits in ranges.items()}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._replaced: set[str] = set()
        self._first: list[onnx.NodeProto] = []

    def run(self, selection: Collection[Candidate], weights: Mapping[str, QuantizedWeight]) -> None:
        """Rewrite the graph."""
        chosen = {candidate.name: candidate for candidate in selection}
        results = {candidate.result for candidate in selection if candidate.result}
        inputs = {candidate.activation for candidate in selection} - results
        made = {name for node in self._graph.node for name in node.output}
        for name in sorted(inputs - made):
            self._first.extend(self._pair(name, source=name, target=f"{name}__dq"))
        nodes: list[onnx.NodeProto] = []
        for node in self._graph.node:
            candidate = chosen.get(node.name)
            if candidate is not None:
                self._quantize_operands(node, candidate, weights[candidate.weight.name], inputs=inputs)
            nodes.append(node)
            nodes.extend(self._pairs_behind(node, inputs=inputs, results=results))
        kept = [
            tensor
            for name, tensor in self._constants.items()
            if name not in self._replaced or self._is_read(name, nodes)
        ]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend([*self._first, *nodes])
        self._graph.initializer.extend(kept)

    def _pairs_behind(
        self, node: onnx.NodeProto, *, inputs: Collection[str], results: Collection[str]
    ) -> Iterator[onnx.NodeProto]:
        for index, name in enumerate(list(node.output)):
            if name in results:
                # Everything behind reads the integers; the name may be that of an output.
                node.output[index] = f"{name}__float"
                yield from self._pair(name, source=f"{name}__float", target=name)
            elif name in inputs:
                yield from self._pair(name, source=name, target=f"{name}__dq")

    def _pair(self, name: str, *, source: str, target: str) -> list[onnx.NodeProto]:
        scale, zero = self._scales[name]
        parts = [self._add(f"{name}__scale", scale), self._add(f"{name}__zero", zero)]
        return [
            helper.make_node("QuantizeLinear", [source, *parts], [f"{name}__q"], name=f"{name}__quantize"),
            helper.make_node("DequantizeLinear", [f"{name}__q", *parts], [target], name=f"{name}__dequantize"),
        ]

    def _quantize_operands(
        self, node: onnx.NodeProto, candidate: Candidate, weight: QuantizedWeight, *, inputs: Collection[str]
    ) -> None:
        name = candidate.weight.name
        if candidate.activation in inputs:
            node.input[0] = f"{candidate.activation}__dq"
        self._replaced.add(name)
        node.input[1] = self._dequantize(name, weight.integers, weight.scales, axis=weight.axis)
        bias = self._constants.get(node.input[2]) if len(node.input) > 2 else None
        if bias is None or len(bias.dims) != 1 or bias.dims[0] != len(weight.scales):
            return
        scales = (weight.scales * self._scales[candidate.activation][0]).astype(np.float32)
        integers = np.rint(numpy_helper.to_array(bias).astype(np.float64) / scales)
        if (np.abs(integers) < _INT32.max).all():
            self._replaced.add(bias.name)
            # A bias may serve several nodes, whose scales differ.
            node.input[2] = self._dequantize(f"{bias.name}__{node.name}", integers.astype(np.int32), scales, axis=0)

    def _dequantize(self, name: str, integers: Array, scales: Array, *, axis: int) -> str:
        target = f"{name}__dq"
        if f"{name}__q" not in self._constants:
            parts = [
                self._add(f"{name}__q", integers),
                self._add(f"{name}__scale", scales),
                self._add(f"{name}__zero", np.zeros(scales.shape, integers.dtype)),
            ]
            self._first.append(
                helper.make_node("DequantizeLinear", parts, [target], name=f"{name}__dequantize", axis=axis)
            )
        return target

    def _add(self, name: str, values: Array | np.float32) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(np.asarray(values), name))
        return name

    def _is_read(self, name: str, nodes: Collection[onnx.NodeProto]) -> bool:
        return any(name in node.input for node in nodes)
