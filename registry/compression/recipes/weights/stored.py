"""Replaces weights by smaller tensors and the nodes that unpack them: the file shrinks, and the model computes as before.

ONNX Runtime computes these nodes once, when it loads the model (constant folding, at every level of optimization). All of them
are in operator set 11: no runtime in use lacks them, and no model has to be converted. ``DequantizeLinear`` is not among
them, because ONNX Runtime keeps that operator, and computes it at every inference.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from registry.compression.arrays import Array
from registry.compression.intake import walking
from registry.compression.recipes.weights.blocks import Blocks
from registry.compression.recipes.weights.rounding import Floats, Integers

# Under this ratio of energies (50 dB) the values are too small for float16.
_MIN_HALF_SQNR = 1e5
_NIBBLE_BITS = 4


class StoredWeights:
    """Stores weights of one graph; ``apply`` puts the new tensors and nodes into it."""

    def __init__(self, graph: onnx.GraphProto, *, names: Iterator[str]) -> None:
        self._graph = graph
        self._names = names
        self._replaced: set[str] = set()
        self._tensors: list[onnx.TensorProto] = []
        self._nodes: list[onnx.NodeProto] = []

    def keep_half(self, name: str, values: Array) -> bool:
        """Store a weight in float16; return False, and change nothing, where float16 does not hold its values."""
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all():
            return False
        error = np.square(half.astype(np.float64) - values).sum()
        if np.square(values.astype(np.float64)).sum() < _MIN_HALF_SQNR * error:
            return False
        self._call("Cast", self._add(half), to=TensorProto.FLOAT, replaces=name)
        return True

    def keep_bytes(self, name: str, integers: Integers, scales: Floats) -> None:
        """Store int8 integers in the shape of the weight, and scales in a shape that multiplies them."""
        unpacked = self._call("Cast", self._add(integers), to=TensorProto.FLOAT)
        self._call("Mul", unpacked, self._add(scales), replaces=name)

    def keep_nibbles(self, name: str, blocks: Blocks, *, shape: list[int]) -> None:
        """Store integers of -7 to 7 in half a byte each; ``shape`` is the shape of the weight.

        The first half of the integers is in the lower halves of the bytes, the second half in the upper ones.
        """
        low, high = blocks.integers.astype(np.uint8).reshape(2, -1) & 15
        packed, shift = self._add(low | high << _NIBBLE_BITS), self._add(np.array(_NIBBLE_BITS, np.uint8))
        raised = self._call("BitShift", packed, shift, direction="LEFT")
        cut = self._call("BitShift", packed, shift, direction="RIGHT")
        kept = self._call("BitShift", cut, shift, direction="LEFT")
        joined = self._call("Concat", raised, kept, axis=0)
        signed = self._call("Cast", joined, to=TensorProto.INT8)
        formed = self._call("Reshape", signed, self._add(np.array(blocks.integers.shape, np.int64)))
        unpacked = self._call("Cast", formed, to=TensorProto.FLOAT)
        # In the upper half of a byte, an integer is 16 times too large.
        factor = self._add(np.array(blocks.factor / (1 << _NIBBLE_BITS), np.float32))
        steps = self._call("Mul", self._call("Cast", self._add(blocks.steps), to=TensorProto.FLOAT), factor)
        scaled = self._call("Mul", unpacked, steps)
        self._call("Reshape", scaled, self._add(np.array(shape, np.int64)), replaces=name)

    def apply(self) -> int:
        """Put the stored weights in the place of the initializers; return their number."""
        tensors = [tensor for tensor in self._graph.initializer if tensor.name not in self._replaced]
        nodes = list(self._graph.node)
        del self._graph.initializer[:], self._graph.node[:]
        self._graph.initializer.extend([*tensors, *self._tensors])
        self._graph.node.extend([*self._nodes, *nodes])
        return len(self._replaced)

    def _add(self, values: Array) -> str:
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), next(self._names))
        self._tensors.append(tensor)
        return str(tensor.name)

    def _call(self, operator: str, *inputs: str, replaces: str = "", **attributes: int | str) -> str:
        output = replaces or next(self._names)
        node = helper.make_node(operator, list(inputs), [output])
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self._nodes.append(node)
        if replaces:
            self._replaced.add(replaces)
        return output


def short_names(model: onnx.ModelProto) -> Iterator[str]:
    """Yield names that no graph of the model uses."""
    taken = {name for node in walking.iterate_nodes(model) for name in (*node.input, *node.output)}
    for graph, _ in walking.iterate_graphs(model):
        taken |= {part.name for part in (*graph.input, *graph.output, *graph.initializer)}
    return (name for number in itertools.count() if (name := f"s{number}") not in taken)
