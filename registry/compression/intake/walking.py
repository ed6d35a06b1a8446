"""Walks a model: graphs inside graphs, functions, and every tensor in them."""

from collections.abc import Iterable, Iterator

import onnx


def iterate_graphs(model: onnx.ModelProto) -> Iterator[tuple[onnx.GraphProto, int]]:
    """Yield every graph with its depth: the main graph at 0, the body of an ``If`` or ``Loop`` one deeper."""
    pending = [(model.graph, 0)]
    for function in model.functions:
        pending.extend((graph, 1) for node in function.node for graph in subgraphs(node))
    while pending:
        graph, depth = pending.pop()
        yield graph, depth
        pending.extend((inner, depth + 1) for node in graph.node for inner in subgraphs(node))


def iterate_inside(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, int]]:
    """Yield every node of a graph with depth 0, and those of the graphs inside it with theirs."""
    pending = [(graph, 0)]
    while pending:
        current, depth = pending.pop()
        yield from ((node, depth) for node in current.node)
        pending.extend((inner, depth + 1) for node in current.node for inner in subgraphs(node))


def iterate_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield every node of every graph and every function."""
    for function in model.functions:
        yield from function.node
    for graph, _ in iterate_graphs(model):
        yield from graph.node


def iterate_deep(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Yield ``nodes`` and every node of the graphs in them."""
    pending = [nodes]
    while pending:
        for node in pending.pop():
            yield node
            pending.extend(graph.node for graph in subgraphs(node))


def iterate_tensors(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield every dense tensor with a name for people; the parts of sparse tensors are dense tensors too."""
    for graph, _ in iterate_graphs(model):
        for tensor in graph.initializer:
            yield f'initializer "{tensor.name}"', tensor
        for sparse in graph.sparse_initializer:
            yield from _parts(sparse, owner=f'initializer "{sparse.values.name}"')
    for node in iterate_nodes(model):
        owner = f'node "{node.name or node.op_type}"'
        for attribute in node.attribute:
            yield from _attribute_tensors(attribute, owner=owner)
    for function in model.functions:
        for attribute in function.attribute_proto:
            yield from _attribute_tensors(attribute, owner=f'function "{function.name}"')


def iterate_sparse(model: onnx.ModelProto) -> Iterator[onnx.SparseTensorProto]:
    """Yield every sparse tensor, whose dense size may be far larger than its bytes."""
    for graph, _ in iterate_graphs(model):
        yield from graph.sparse_initializer
    for node in iterate_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor
            yield from attribute.sparse_tensors


def _attribute_tensors(attribute: onnx.AttributeProto, *, owner: str) -> Iterator[tuple[str, onnx.TensorProto]]:
    if attribute.HasField("t"):
        yield owner, attribute.t
    for tensor in attribute.tensors:
        yield owner, tensor
    if attribute.HasField("sparse_tensor"):
        yield from _parts(attribute.sparse_tensor, owner=owner)
    for sparse in attribute.sparse_tensors:
        yield from _parts(sparse, owner=owner)


def _parts(sparse: onnx.SparseTensorProto, *, owner: str) -> Iterator[tuple[str, onnx.TensorProto]]:
    yield owner, sparse.values
    yield owner, sparse.indices


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the branches of an ``If`` and the bodies of loops."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def outer_names(node: onnx.NodeProto) -> set[str]:
    """Return every name that the bodies of a node read: those from outside are among them."""
    pending, names = list(subgraphs(node)), set[str]()
    while pending:
        graph = pending.pop()
        names |= {value.name for value in graph.output}
        for inner in graph.node:
            names |= set(inner.input)
            pending.extend(subgraphs(inner))
    return names
