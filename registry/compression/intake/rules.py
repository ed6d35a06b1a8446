"""The rules on a parsed graph, checked before any tool interprets the graph.

The checker of onnx is necessary and not sufficient: bombs of a few hundred bytes, custom-operator domains and lengths
past the end of the file pass it. Each rule here refuses one such thing by name.
"""

import math
from collections.abc import Iterable, Iterator

import onnx
from onnx import numpy_helper

from registry.compression.intake import allocations, functions, tensors, walking
from registry.compression.intake.allocations import Constants
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
# Extents, trip counts and ranges are short; longer constants are weights and of no interest here.
_MAX_EXTENTS = 64
_ELEMENT_BYTES = 4

_MAX_OPERATOR_LENGTH = 256
_SHOWN_LENGTH = 80
# Names in a file beside those of nodes and weights: real models have a few for each node.
_MAX_VALUES = 1_000_000


def check(model: onnx.ModelProto, *, limits: Limits) -> None:
    """Refuse the first rule that the graph breaks.

    Raises:
        ModelRefused: ``reason`` names the rule.
    """
    _check_counts(model, limits=limits)
    _check_wires(model)
    _check_domains(model)
    _check_inlined(model, limit=limits.nodes)
    for owner, tensor in walking.iterate_tensors(model):
        tensors.check_tensor(tensor, owner=owner)
    _check_sparse(model, limits=limits)
    constants = read_short_constants(model)
    for node in walking.iterate_nodes(model):
        _check_allocation(node, constants=constants, limit_bytes=limits.tensor_bytes)
    for nodes in (model.graph.node, *(function.node for function in model.functions)):
        _check_trips(nodes, constants=constants, limit=limits.loop_trips)


def _check_counts(model: onnx.ModelProto, *, limits: Limits) -> None:
    nodes, initializers = sum(len(function.node) for function in model.functions), 0
    values = len(model.functions) + len(model.opset_import) + len(model.metadata_props)
    for graph, depth in walking.iterate_graphs(model):
        if depth > limits.subgraph_depth:
            raise ModelRefused(f"Graphs are nested deeper than {limits.subgraph_depth}.", reason="subgraph_depth")
        nodes += len(graph.node)
        values += len(graph.value_info) + len(graph.input) + len(graph.output)
        initializers += len(graph.initializer) + len(graph.sparse_initializer)
        # After each graph, and not at the end: a file of a gigabyte holds so many nodes that counting takes minutes.
        for name, count, limit in (
            ("nodes", nodes, limits.nodes),
            ("initializers", initializers, limits.initializers),
            ("values", values, _MAX_VALUES),
        ):
            if count > limit:
                raise ModelRefused(f"The model has more than {limit} {name}.", reason=f"too_many_{name}")


def _check_wires(model: onnx.ModelProto) -> None:
    wires = 0
    for node in walking.iterate_nodes(model):
        wires += len(node.input) + len(node.output) + len(node.attribute)
        if wires > _MAX_VALUES:
            raise ModelRefused(f"The nodes have more than {_MAX_VALUES} inputs and outputs.", reason="too_many_values")


def _check_domains(model: onnx.ModelProto) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for node in walking.iterate_nodes(model):
        is_known = node.domain in ALLOWED_DOMAINS or (node.domain, node.op_type) in own
        if not is_known or len(node.op_type) > _MAX_OPERATOR_LENGTH or not node.op_type.isprintable():
            message = (
                f'The operator "{node.op_type[:_SHOWN_LENGTH]}" is of the domain "{node.domain[:_SHOWN_LENGTH]}"; '
                "only standard operators are accepted."
            )
            raise ModelRefused(message, reason="operator_domain")


def _check_inlined(model: onnx.ModelProto, *, limit: int) -> None:
    if functions.count_inlined_nodes(model, model.graph.node) > limit:
        raise ModelRefused(
            f"The model has more than {limit} nodes once its functions are inlined.", reason="too_many_nodes"
        )


def _check_sparse(model: onnx.ModelProto, *, limits: Limits) -> None:
    for sparse in walking.iterate_sparse(model):
        if math.prod(sparse.dims) * _ELEMENT_BYTES > limits.tensor_bytes:
            raise ModelRefused("A sparse tensor is too large once unpacked.", reason="allocation")


def read_short_constants(model: onnx.ModelProto) -> dict[str, list[float]]:
    """Return the numbers of every short initializer and constant node by name."""
    return dict(_short_constants(model))


def _short_constants(model: onnx.ModelProto) -> Iterator[tuple[str, list[float]]]:
    for graph, _ in walking.iterate_graphs(model):
        for tensor in graph.initializer:
            yield from _read_short(tensor.name, tensor)
    for node in walking.iterate_nodes(model):
        if node.op_type == "Constant" and node.output:
            yield from _read_constant_node(node)


def _read_constant_node(node: onnx.NodeProto) -> Iterator[tuple[str, list[float]]]:
    for attribute in node.attribute:
        if attribute.name == "value":
            yield from _read_short(node.output[0], attribute.t)
        elif attribute.name == "value_ints" and len(attribute.ints) <= _MAX_EXTENTS:
            yield node.output[0], [float(value) for value in attribute.ints]
        elif attribute.name == "value_int":
            yield node.output[0], [float(attribute.i)]


def _read_short(name: str, tensor: onnx.TensorProto) -> Iterator[tuple[str, list[float]]]:
    numeric = tensor.data_type not in (onnx.TensorProto.STRING, onnx.TensorProto.UNDEFINED)
    if numeric and tensors.count_elements(tensor) <= _MAX_EXTENTS:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind in "iuf":
            yield name, [float(value) for value in array.ravel()]


def _check_allocation(node: onnx.NodeProto, *, constants: Constants, limit_bytes: float) -> None:
    estimate = allocations.estimate_elements(node, constants)
    if estimate * _ELEMENT_BYTES > limit_bytes:
        message = f'The node "{_show(node)}" ({node.op_type}) would make {estimate:.3g} elements.'
        raise ModelRefused(message, reason="allocation")


def _check_trips(nodes: Iterable[onnx.NodeProto], *, constants: Constants, limit: float) -> None:
    """Multiply the turns of loops inside loops."""
    pending = [(node, 1.0) for node in nodes]
    while pending:
        node, outer = pending.pop()
        trips = outer * max(1.0, allocations.read_trips(node, constants))
        if trips > limit:
            message = f'The loop "{_show(node)}" makes {trips:.3g} turns; at most {int(limit)} are accepted.'
            raise ModelRefused(message, reason="loop_trips")
        pending.extend((inner, trips) for graph in walking.subgraphs(node) for inner in graph.node)


def _show(node: onnx.NodeProto) -> str:
    return (node.name or node.op_type)[:_SHOWN_LENGTH]
