"""A MobileNetV2 topology with random weights: its size and speed are real, its outputs mean nothing."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

# (channels, stride of the first block, blocks), as in table 2 of the MobileNetV2 paper (Sandler et al., 2018).
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
_CLASSES = 1000


class _Graph:
    def __init__(self, *, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def convolve(
        self, name: str, wires: tuple[str, int, int], *, size: int = 1, stride: int = 1, groups: int = 1
    ) -> str:
        source, channels, filters = wires
        fan_in = channels // groups * size * size
        kernel = self.random.normal(scale=np.sqrt(2 / fan_in), size=(filters, channels // groups, size, size))
        self.weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"{name}.weight"))
        self.weights.append(numpy_helper.from_array(np.zeros(filters, np.float32), f"{name}.bias"))
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        pads = [size // 2] * 4
        self.nodes.append(
            helper.make_node("Conv", inputs, [name], name=name, strides=[stride, stride], pads=pads, group=groups)
        )
        return name

    def rectify(self, source: str) -> str:
        self.nodes.append(helper.make_node("Relu", [source], [f"{source}.relu"]))
        return f"{source}.relu"

    def block(self, name: str, wires: tuple[str, int, int], *, stride: int) -> str:
        source, channels, filters = wires
        wide = channels * 6
        grown = self.rectify(self.convolve(f"{name}.expand", (source, channels, wide)))
        deep = self.rectify(self.convolve(f"{name}.depth", (grown, wide, wide), size=3, stride=stride, groups=wide))
        shrunk = self.convolve(f"{name}.project", (deep, wide, filters))
        if stride > 1 or channels != filters:
            return shrunk
        self.nodes.append(helper.make_node("Add", [source, shrunk], [f"{name}.add"]))
        return f"{name}.add"


def save_mobilenet(path: Path, *, seed: int = 0) -> Path:
    """Write the model: one input ``image`` (N, 3, 224, 224), one output ``logits`` (N, 1000)."""
    graph = _Graph(seed=seed)
    wire, channels = graph.rectify(graph.convolve("stem", ("image", 3, 32), size=3, stride=2)), 32
    for stage, (filters, stride, blocks) in enumerate(_STAGES):
        for index in range(blocks):
            wire = graph.block(f"s{stage}b{index}", (wire, channels, filters), stride=stride if index == 0 else 1)
            channels = filters
    wire = graph.rectify(graph.convolve("head", (wire, channels, 1280)))
    weight = graph.random.normal(scale=0.05, size=(1280, _CLASSES)).astype(np.float32)
    graph.weights.append(numpy_helper.from_array(weight, "classifier"))
    graph.nodes.append(helper.make_node("GlobalAveragePool", [wire], ["pooled"]))
    graph.nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    graph.nodes.append(helper.make_node("Gemm", ["flat", "classifier"], ["logits"]))
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["N", 3, 224, 224])
    logits = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", _CLASSES])
    body = helper.make_graph(graph.nodes, "mobilenet", [image], [logits], graph.weights)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path
