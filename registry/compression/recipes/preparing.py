"""Prepares a model for the recipes that quantize it: the same computation in the form that quantizers expect.

1. every free extent of an input gets a name of its own, so that no tool takes two extents for equal
2. constants of the main graph become initializers
3. ONNX Runtime folds constants and batch normalization away (level basic)
4. a bias of Gemm of the shape (1, n) becomes (n), because ONNX Runtime's quantizer crashes on the first
5. equal initializers are kept once
6. tensors get short names of their own; names take bytes, and quantizers add new ones

``finish`` gives the file the inputs and outputs of the source again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from onnx import numpy_helper

from registry.compression.intake import cleaning, walking
from registry.compression.recipes import ordering
from registry.compression.recipes.fp32_optimized import optimize
from registry.compression.recipes.source import NotApplicable, Source


def prepare(source: Source, *, scratch: Path) -> onnx.ModelProto:
    """Return the prepared model with the types of its tensors; ``scratch`` is overwritten.

    Raises:
        NotApplicable: An operator set without QuantizeLinear per channel, or an unknown node to leave out.
    """
    if cleaning.get_opset(source.model) < cleaning.MINIMUM_OPSET:
        message = f"the operator set is older than {cleaning.MINIMUM_OPSET} and could not be converted"
        raise NotApplicable(message)
    _check_excluded(source)
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    # Shapes that the exporter declared inside may contradict the new names of extents.
    del model.graph.value_info[:]
    name_free_extents(model.graph)
    lift_constants(model.graph)
    model = optimize(model, destination=scratch, level="basic")
    lift_constants(model.graph)
    flatten_biases(model.graph)
    merge_initializers(model.graph)
    del model.graph.value_info[:]
    shorten_names(model)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def finish(model: onnx.ModelProto, source: Source, *, destination: Path) -> None:
    """Write the model with the inputs and outputs of the source, without metadata, as the same bytes every time."""
    for mine, original in (
        (model.graph.input, source.model.graph.input),
        (model.graph.output, source.model.graph.output),
    ):
        del mine[:]
        mine.extend(original)
    # Inputs with a default value are initializers as well; the optimizer dropped those from the inputs of older files.
    del model.graph.value_info[:]
    # Quantizers append the nodes that they add.
    ordering.sort_nodes(model)
    cleaning.clean(model)
    cleaning.prune_opset_imports(model)
    destination.write_bytes(model.SerializeToString(deterministic=True))


def find_excluded(model: onnx.ModelProto, source: Source) -> set[str]:
    """Return the nodes of the prepared model that stand for the nodes a person wants to leave in floating point.

    The optimizer keeps the name of a node, or adds to it after a slash ("MatMul_1/MatMulAddFusion").
    """
    return {
        node.name
        for node in model.graph.node
        if any(node.name == name or node.name.startswith(f"{name}/") for name in source.exclude_nodes)
    }


def name_free_extents(graph: onnx.GraphProto) -> None:
    """Name every extent of an input that has neither a size above 0 nor a name of its own."""
    taken: set[str] = set()
    for position, value in enumerate(graph.input):
        for axis, extent in enumerate(value.type.tensor_type.shape.dim):
            is_free = not extent.HasField("dim_value") or extent.dim_value < 1
            # The first axis is the batch, which all inputs may share.
            if is_free and (not extent.dim_param or (axis > 0 and extent.dim_param in taken)):
                extent.dim_param = f"free_{position}_{axis}"
            taken.add(extent.dim_param)
    for value in graph.output:
        for axis, extent in enumerate(value.type.tensor_type.shape.dim):
            if extent.dim_param or extent.dim_value < 1:
                extent.dim_param = f"{value.name}_{axis}"


def lift_constants(graph: onnx.GraphProto) -> None:
    """Turn Constant nodes that hold a tensor into initializers."""
    kept = []
    for node in graph.node:
        tensor = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
        if node.op_type == "Constant" and tensor is not None:
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
        else:
            kept.append(node)
    _replace(graph.node, kept)


def flatten_biases(graph: onnx.GraphProto) -> None:
    """Give every constant bias of Gemm one axis."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        bias = constants.get(node.input[2]) if node.op_type == "Gemm" and len(node.input) > 2 else None
        if bias is None or len(bias.dims) != 2 or bias.dims[0] != 1:
            continue
        flat = numpy_helper.from_array(numpy_helper.to_array(bias).reshape(-1), f"{bias.name}__flat")
        if flat.name not in constants:
            graph.initializer.append(flat)
            constants[flat.name] = graph.initializer[-1]
        node.input[2] = flat.name
    drop_unused_initializers(graph)


def merge_initializers(graph: onnx.GraphProto) -> None:
    """Keep one of several initializers with the same type, shape and bytes."""
    outputs = {value.name for value in (*graph.output, *graph.input)}
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    renamed: dict[str, str] = {}
    for tensor in graph.initializer:
        if tensor.name in outputs or tensor.data_type == onnx.TensorProto.STRING:
            continue
        key = (tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes())
        renamed[tensor.name] = first.setdefault(key, tensor.name)
    _rename(graph, {name: kept for name, kept in renamed.items() if name != kept})
    drop_unused_initializers(graph)


def shorten_names(model: onnx.ModelProto) -> None:
    """Rename tensors of the main graph, but for inputs and outputs, to names that nothing else in the model has."""
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)} | _inner_names(model)
    made = [name for node in graph.node for name in node.output if name and name not in kept]
    constants = [tensor.name for tensor in graph.initializer if tensor.name not in kept]
    fresh = (name for prefix in ("t",) for name in (f"{prefix}{index}" for index in range(10**9)) if name not in kept)
    names = {name: next(fresh) for name in (*made, *constants)}
    _rename(graph, names)
    for node in graph.node:
        _replace(node.output, [names.get(name, name) for name in node.output])
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


def drop_unused_initializers(graph: onnx.GraphProto) -> None:
    """Remove initializers that no node, no inner graph and no output reads."""
    used = {value.name for value in graph.output} | set(_names_read(graph))
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in used])


def _check_excluded(source: Source) -> None:
    known = {node.name for node in source.model.graph.node}
    if unknown := sorted(source.exclude_nodes - known):
        message = f'no node of the model is called "{unknown[0]}"'
        raise NotApplicable(message)


def _inner_names(model: onnx.ModelProto) -> set[str]:
    """Return the names that graphs inside the main graph define."""
    return {
        name
        for graph, depth in walking.iterate_graphs(model)
        if depth > 0
        for name in (
            *(value.name for value in graph.input),
            *(tensor.name for tensor in graph.initializer),
            *(output for node in graph.node for output in node.output),
        )
    }


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename what nodes read, here and in inner graphs; ONNX forbids an inner graph to define an outer name again."""
    for node in graph.node:
        _replace(node.input, [names.get(name, name) for name in node.input])
        for inner in _inner_graphs(node):
            _rename(inner, names)
            for value in inner.output:
                value.name = names.get(value.name, value.name)


def _names_read(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for inner in _inner_graphs(node):
            yield from (value.name for value in inner.output)
            yield from _names_read(inner)


def _inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _replace(field: object, values: Iterable[object]) -> None:
    values = list(values)
    del field[:]  # type: ignore[attr-defined]
    field.extend(values)  # type: ignore[attr-defined]
