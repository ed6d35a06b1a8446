"""Removes outputs that are no tensors, as scikit-learn's exporter adds them: lists of maps, and sequences.

ZipMap turns the tensor of class scores into a list of maps from class to score. The tensor takes its place. Each other output that is
no tensor is dropped while a tensor remains.
"""

import onnx
from onnx import TensorProto

from registry.compression.intake import walking


def keep_tensors(model: onnx.ModelProto) -> list[str]:
    """Change the graph in place; return a sentence for each output that was replaced or dropped."""
    unzipped = [_unzip(model.graph, node) for node in model.graph.node if node.op_type == "ZipMap"]
    dropped = [value for value in model.graph.output if not value.type.HasField("tensor_type")]
    if len(dropped) == len(model.graph.output):
        return [sentence for sentence in unzipped if sentence]
    for value in dropped:
        model.graph.output.remove(value)
    if dropped:
        _remove_unused(model)
    sentences = [f'The output "{value.name}" is no tensor, and was dropped.' for value in dropped]
    return [sentence for sentence in unzipped if sentence] + sentences


def _unzip(graph: onnx.GraphProto, node: onnx.NodeProto) -> str:
    """Let the scores pass a ZipMap as they are; empty where its list of maps is no output of the model."""
    value = next((value for value in graph.output if value.name == node.output[0]), None)
    if value is None:
        return ""
    classes = next((max(len(item.ints), len(item.strings)) for item in node.attribute), 0)
    node.op_type, node.domain = "Identity", ""
    del node.attribute[:]
    shape = [f"{value.name}_0", classes or f"{value.name}_1"]
    value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))
    return f'The output "{value.name}" was a list of maps (ZipMap); it is now the tensor of the scores, one column a class.'


def _remove_unused(model: onnx.ModelProto) -> None:
    """Remove the nodes of the main graph that no output needs any more."""
    wanted = {value.name for value in model.graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input) | walking.outer_names(node)
    nodes = list(reversed(kept))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
