"""Sorts the nodes of a graph: tools append theirs at the end, and ONNX wants a node behind those that make its inputs."""

import onnx

from registry.compression.intake import walking


def sort_nodes(model: onnx.ModelProto) -> None:
    """Sort every graph of a model in place."""
    for graph, _ in walking.iterate_graphs(model):
        _sort(graph)


def _sort(graph: onnx.GraphProto) -> None:
    """Put each node behind those that make its inputs, and change the order no further."""
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    order: dict[int, None] = {}
    pending = list(reversed(range(len(graph.node))))
    while pending:
        index = pending[-1]
        needed = {makers[name] for name in _reads(graph.node[index]) if name in makers}
        missing = [maker for maker in sorted(needed, reverse=True) if maker not in order]
        if index in order or not missing:
            order[pending.pop()] = None
        else:
            pending.extend(missing)
    nodes = [onnx.NodeProto.FromString(graph.node[index].SerializeToString()) for index in order]
    del graph.node[:]
    graph.node.extend(nodes)


def _reads(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node reads, and those that the graphs inside it do."""
    inside = (attribute.g for attribute in node.attribute if attribute.HasField("g"))
    return {
        *node.input,
        *(name for graph in inside for inner, _ in walking.iterate_inside(graph) for name in inner.input),
    }
