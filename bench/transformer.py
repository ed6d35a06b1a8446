"""A small transformer encoder with random weights on tokens, built without PyTorch: its size and speed are real, its outputs mean nothing."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

TOKENS = 64
_VOCABULARY = 256
_CLASSES = 16


class _Graph:
    def __init__(self, *, width: int, heads: int, seed: int) -> None:
        self.width, self.heads = width, heads
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def keep(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def call(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def project(self, source: str, columns: int, outputs: int) -> str:
        number = len(self.constants)
        matrix = self.random.normal(scale=columns**-0.5, size=(columns, outputs)).astype(np.float32)
        bias = self.random.normal(scale=0.02, size=outputs).astype(np.float32)
        product = self.call("MatMul", source, self.keep(f"matrix_{number}", matrix))
        return self.call("Add", product, self.keep(f"bias_{number}", bias))

    def normalize(self, source: str) -> str:
        number = len(self.constants)
        gain = self.keep(f"gain_{number}", np.ones(self.width, np.float32))
        shift = self.keep(f"shift_{number}", np.zeros(self.width, np.float32))
        return self.call("LayerNormalization", source, gain, shift, axis=-1)

    def attend(self, source: str) -> str:
        size = self.width // self.heads
        parts = []
        for order in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)):
            split = self.call("Reshape", self.project(source, self.width, self.width), "split")
            parts.append(self.call("Transpose", split, perm=order))
        scores = self.call("Mul", self.call("MatMul", parts[0], parts[1]), "scale")
        mixed = self.call("MatMul", self.call("Softmax", scores, axis=-1), parts[2])
        joined = self.call("Reshape", self.call("Transpose", mixed, perm=(0, 2, 1, 3)), "join")
        assert size * self.heads == self.width
        return self.project(joined, self.width, self.width)

    def think(self, source: str) -> str:
        wide = self.project(source, self.width, 4 * self.width)
        error = self.call("Erf", self.call("Mul", wide, "root_half"))
        gelu = self.call("Mul", self.call("Mul", wide, self.call("Add", error, "one")), "half")
        return self.project(gelu, 4 * self.width, self.width)


def save_transformer(path: Path, *, layers: int = 4, width: int = 256, heads: int = 4, seed: int = 0) -> Path:
    """Write the model: one input ``tokens`` (N, 64) of int64, one output ``logits`` (N, 16)."""
    graph = _Graph(width=width, heads=heads, seed=seed)
    graph.keep("split", np.array([0, TOKENS, heads, width // heads], np.int64))
    graph.keep("join", np.array([0, TOKENS, width], np.int64))
    for name, value in (("scale", (width // heads) ** -0.5), ("root_half", 0.5**0.5), ("one", 1.0), ("half", 0.5)):
        graph.keep(name, np.array(value, np.float32))
    table = graph.keep("table", graph.random.normal(size=(_VOCABULARY, width)).astype(np.float32))
    places = graph.keep("places", graph.random.normal(size=(TOKENS, width)).astype(np.float32))
    wire = graph.normalize(graph.call("Add", graph.call("Gather", table, "tokens"), places))
    for _ in range(layers):
        wire = graph.normalize(graph.call("Add", wire, graph.attend(wire)))
        wire = graph.normalize(graph.call("Add", wire, graph.think(wire)))
    pooled = graph.call("ReduceMean", wire, axes=[1], keepdims=0)
    last = graph.project(pooled, width, _CLASSES)
    graph.nodes.append(helper.make_node("Identity", [last], ["logits"], name="logits"))
    body = helper.make_graph(
        graph.nodes,
        "transformer",
        [helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["N", TOKENS])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", _CLASSES])],
        graph.constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def make_tokens(count: int, *, seed: int) -> np.ndarray:
    """Return random tokens (count, 64)."""
    return np.random.default_rng(seed).integers(0, _VOCABULARY, (count, TOKENS))
