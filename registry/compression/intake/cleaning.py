"""Removes metadata that must not reach a fleet, and gives all models the form that recipes rely on.

PyTorch's dynamo exporter leaves stack traces and source paths in ``metadata_props``; they would be published with every
variant. Cleaning twice changes nothing.
"""

from collections.abc import Iterator

import onnx

from registry.compression.intake import walking

# Per-channel QuantizeLinear exists from this operator set on.
MINIMUM_OPSET = 13

_Documented = (
    onnx.ModelProto
    | onnx.FunctionProto
    | onnx.GraphProto
    | onnx.ValueInfoProto
    | onnx.TensorProto
    | onnx.NodeProto
    | onnx.AttributeProto
)


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Strip documentation and metadata in place, name every node, drop training parts; return the model."""
    del model.training_info[:]
    for part in _documented(model):
        part.ClearField("doc_string")
        if "metadata_props" in part.DESCRIPTOR.fields_by_name:
            part.ClearField("metadata_props")
    name_nodes(model)
    return model


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a name of its own: recipes exclude nodes by name."""
    taken: set[str] = set()
    for index, node in enumerate(walking.iterate_nodes(model)):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}__{index}"
        while node.name in taken:
            node.name += "_"
        taken.add(node.name)


def get_opset(model: onnx.ModelProto) -> int:
    """Return the version of the default operator set (0 where the model imports none)."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def prune_opset_imports(model: onnx.ModelProto) -> None:
    """Drop imported domains that no node uses: ONNX Runtime writes all domains it knows into the files it saves."""
    used = {node.domain or "" for node in walking.iterate_nodes(model)} | {""}
    kept = [entry for entry in model.opset_import if ("" if entry.domain == "ai.onnx" else entry.domain) in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _documented(model: onnx.ModelProto) -> Iterator[_Documented]:
    yield model
    yield from model.functions
    for graph, _ in walking.iterate_graphs(model):
        yield graph
        yield from graph.input
        yield from graph.output
        yield from graph.value_info
        yield from graph.initializer
    for node in walking.iterate_nodes(model):
        yield node
        for attribute in node.attribute:
            yield attribute
            if attribute.HasField("t"):
                yield attribute.t
