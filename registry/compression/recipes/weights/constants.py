"""Gives the constants of a model one form: initializers that nobody can override."""

import onnx

from registry.compression.intake import walking

# From this version on, an initializer need not be listed among the inputs, and may be overridden if it is.
_INITIALIZERS_APART = 4


def unify(model: onnx.ModelProto) -> None:
    """Turn ``Constant`` nodes with a tensor into initializers, and drop initializers from the inputs, in place."""
    for graph, _ in walking.iterate_graphs(model):
        constants = [node for node in graph.node if _value(node) is not None]
        for node in constants:
            tensor = graph.initializer.add()
            tensor.CopyFrom(_value(node))
            tensor.name = node.output[0]
            graph.node.remove(node)
        weights = {tensor.name for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in weights]
        del graph.input[:]
        graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, _INITIALIZERS_APART)


def _value(node: onnx.NodeProto) -> onnx.TensorProto | None:
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return None
    return next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
