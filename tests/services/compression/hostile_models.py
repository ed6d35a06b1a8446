"""Hostile uploads, each with the reason that it is refused for. The tests and ``bench/hostile_models.py`` share them."""

import itertools
from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.unit.compression import graphs

Content = bytes | onnx.ModelProto


def one(operator, constants=(), *, shape=("N", 2), opset=17, domain="", **attributes):
    """One node that takes ``x``, and then ``constants``."""
    names = [f"c{index}" for index in range(len(constants))]
    return graphs.make(
        [helper.make_node(operator, ["x", *names], ["y"], domain=domain, **attributes)],
        inputs=[graphs.value("x", list(shape))],
        outputs=[graphs.value("y", ["a", "b"])],
        initializers=[graphs.constant(name, array) for name, array in zip(names, constants, strict=True)],
        opset=opset,
    )


def made(operator, constants=(), **attributes):
    """A node that makes a tensor from nothing, whose sum is added to ``x``."""
    names = [f"c{index}" for index in range(len(constants))]
    return graphs.make(
        [
            helper.make_node(operator, names, ["big"], **attributes),
            helper.make_node("Cast", ["big"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["floats"], ["sum"], keepdims=0),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        inputs=[graphs.value("x", ["N", 2])],
        outputs=[graphs.value("y", ["N", 2])],
        initializers=[graphs.constant(name, array) for name, array in zip(names, constants, strict=True)],
    )


def deep_memory():
    """A chain that keeps 64 tensors of 64 MB alive: no single one is refused, the sum is."""
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["seed"])]
    nodes += [helper.make_node("Add", ["seed", f"b{i}"], [f"t{i}"]) for i in range(64)]
    nodes.append(helper.make_node("Sum", [f"t{i}" for i in range(64)], ["y"]))
    inputs = [graphs.value(f"b{i}", [1]) for i in range(64)]
    shape = graphs.constant("shape", np.array([1 << 24], np.int64))
    return graphs.make(nodes, inputs=inputs, outputs=[graphs.value("y", ["M"])], initializers=[shape])


def function_calls_in_ifs(depth=12, *, calls=6):
    """Functions that call the next one several times, each call in a branch of an ``If``."""
    model = graphs.custom_domain()
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.example.evil", 1)]
    for level in range(depth):
        name, called = ("Evil" if level == 0 else f"F{level}"), f"F{level + 1}"
        is_last = level == depth - 1
        inner = [
            helper.make_node(
                "Relu" if is_last else called, [before], [after], domain="" if is_last else "com.example.evil"
            )
            for before, after in itertools.pairwise(["a", *(f"t{index}" for index in range(calls))])
        ]
        branches = [
            helper.make_graph(inner, name, [], [graphs.value(f"t{calls - 1}", None)]) for name in ("then", "else")
        ]
        for branch in branches:
            branch.output[0].type.tensor_type.shape.SetInParent()
        body = [
            helper.make_node("Constant", [], ["go"], value=graphs.constant("go", np.array(True))),
            helper.make_node("If", ["go"], ["b"], then_branch=branches[0], else_branch=branches[1]),
        ]
        model.functions.append(helper.make_function("com.example.evil", name, ["a"], ["b"], body, imports))
    return model


def function_recursion_in_if():
    model = function_calls_in_ifs(2, calls=1)
    model.functions[1].node[1].attribute[0].g.node[0].op_type = "Evil"
    model.functions[1].node[1].attribute[0].g.node[0].domain = "com.example.evil"
    return model


def nested_loops(depth=3, *, trips=50_000):
    """Loops inside loops: each makes few turns, all together make 10¹⁴."""

    def body(level):
        inner = (
            [helper.make_node("Loop", ["trips", "go", f"v{level}"], [f"w{level}"], body=body(level - 1))]
            if level
            else [helper.make_node("Add", [f"v{level}", f"v{level}"], [f"w{level}"])]
        )
        return helper.make_graph(
            [helper.make_node("Identity", [f"keep{level}"], [f"kept{level}"]), *inner],
            f"body{level}",
            [graphs.value(f"i{level}", [], TensorProto.INT64), graphs.value(f"keep{level}", [], TensorProto.BOOL), graphs.value(f"v{level}", ["N", 2])],
            [graphs.value(f"kept{level}", [], TensorProto.BOOL), graphs.value(f"w{level}", ["N", 2])],
        )  # fmt: skip

    return graphs.make(
        [helper.make_node("Loop", ["trips", "go", "x"], ["y"], body=body(depth - 1))],
        inputs=[graphs.value("x", ["N", 2])],
        outputs=[graphs.value("y", ["N", 2])],
        initializers=[graphs.constant("go", np.array(True)), graphs.constant("trips", np.array(trips, np.int64))],
    )


def with_weight(dims, *, raw=b""):
    model = graphs.small_cnn()
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=dims)
    tensor.raw_data = raw
    return model


def many_inputs(count=20_000):
    names = [f"x{index}" for index in range(count)]
    return graphs.make(
        [helper.make_node("Sum", names, ["y"])],
        inputs=[graphs.value(name, [1]) for name in names],
        outputs=[graphs.value("y", [1])],
    )


def many_nodes(count=60_000):
    nodes = [helper.make_node("Relu", [f"t{index}"], [f"t{index + 1}"]) for index in range(count)]
    return graphs.make(nodes, inputs=[graphs.value("t0", [1])], outputs=[graphs.value(f"t{count}", [1])])


def many_initializers(count=110_000):
    model = graphs.small_cnn()
    model.graph.initializer.extend(graphs.constant(f"w{index}", np.float32(0)) for index in range(count))
    return model


def wide_node(count=3_000_000):
    """One node that takes ``x`` millions of times."""
    model = one("Sum")
    model.graph.node[0].input.extend(["x"] * count)
    return model


def many_facts(count=1_000_001):
    """Millions of shapes of values that no node makes."""
    model = graphs.identity()
    model.graph.value_info.extend([graphs.value("z", [])] * count)
    return model


def named(name, *, field="input"):
    model = graphs.identity()
    node = model.graph.node[0]
    if field == "operator":
        node.op_type = name
    elif field == "node":
        node.name, node.domain = name, "com.example.evil"
    else:
        getattr(model.graph, field)[0].name = name
        getattr(node, field)[0] = name
    return model


def twice(field):
    model = graphs.identity()
    values = getattr(model.graph, field)
    values.append(values[0])
    return model


def sparse_bomb():
    model = graphs.identity()
    values = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [1 << 40]))
    return model


def cyclic():
    return graphs.make(
        [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["a", "x"], ["b"])],
        inputs=[graphs.value("x", [2])],
        outputs=[graphs.value("b", [2])],
    )


def slow_convolution(size=2048, channels=64):
    """An honest looking convolution that takes minutes."""
    weight = np.zeros((channels, channels, 31, 31), np.float32)
    return graphs.make(
        [
            helper.make_node("Conv", ["x", "w"], ["a"], pads=[15] * 4),
            helper.make_node("Conv", ["a", "w"], ["y"], pads=[15] * 4),
        ],
        inputs=[graphs.value("x", [1, channels, size // 8, size // 8])],
        outputs=[graphs.value("y", ["a", "b", "c", "d"])],
        initializers=[graphs.constant("w", weight)],
    )


def integer_division():
    """Dividing whole numbers by 0 is a signal on x86."""
    return graphs.make(
        [helper.make_node("Div", ["x", "zero"], ["y"])],
        inputs=[graphs.value("x", [4], TensorProto.INT32)],
        outputs=[graphs.value("y", [4], TensorProto.INT32)],
        initializers=[graphs.constant("zero", np.zeros(4, np.int32))],
    )


def nested_type(depth=90):
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    for _ in range(depth):
        kind = helper.make_sequence_type_proto(kind)
    model = graphs.identity()
    model.graph.input[0].type.CopyFrom(kind)
    return model


def deep_bytes(depth=2000):
    """Messages inside messages: a graph in an attribute in a node, without end."""
    data = b""
    for _ in range(depth):
        for tag in (6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2):  # attribute.g, node.attribute, graph.node
            data = bytes([tag]) + _varint(len(data)) + data
    return b"\x08\x08" + bytes([7 << 3 | 2]) + _varint(len(data)) + data


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


# A model or its bytes, made when asked for, and the reason of the refusal.
HOSTILE: dict[str, tuple[Callable[[], Content], str]] = {
    "empty": (lambda: b"", "empty"),
    "random bytes": (lambda: np.random.default_rng(0).bytes(4096), "not_onnx"),
    "truncated": (lambda: graphs.small_cnn().SerializeToString()[:-300], "not_onnx"),
    "deep bytes": (deep_bytes, "not_onnx"),
    "external data": (graphs.external_data, "external_data"),
    "custom domain": (graphs.custom_domain, "operator_domain"),
    "length past the end": (graphs.huge_declared_length, "tensor_length"),
    "weight of nothing times all": (lambda: with_weight([0, 2**62, 2**62]), "tensor_length"),
    "weight of a negative extent": (lambda: with_weight([-1, 4]), "tensor_length"),
    "weight of overflowing extents": (lambda: with_weight([2**32, 2**32]), "tensor_length"),
    "sparse bomb": (sparse_bomb, "allocation"),
    "constant bomb": (lambda: graphs.constant_bomb(10**10), "allocation"),
    "hidden constant bomb": (lambda: graphs.constant_bomb(10**5, factors=2), "out_of_memory"),
    "expand bomb": (lambda: one("Expand", [np.array([1 << 20, 1 << 20])]), "allocation"),
    "tile bomb": (lambda: one("Tile", [np.array([1 << 30, 4])]), "allocation"),
    "range bomb": (lambda: made("Range", [np.array(0), np.array(1 << 50), np.array(1)]), "allocation"),
    "range of a step of almost nothing": (lambda: made("Range", [np.float32(0), np.float32(1), np.float32(1e-30)]), "allocation"),
    "resize bomb by sizes": (lambda: one("Resize", [np.zeros(0, np.float32), np.zeros(0, np.float32), np.array([1 << 16, 1 << 16])]), "allocation"),
    "resize bomb by scales": (lambda: one("Resize", [np.zeros(0, np.float32), np.array([1e6, 1e6], np.float32)]), "allocation"),
    "pad bomb": (lambda: one("Pad", [np.array([0, 0, 1 << 20, 1 << 20])]), "allocation"),
    "one-hot bomb": (lambda: graphs.make([helper.make_node("OneHot", ["x", "depth", "values"], ["y"])], inputs=[graphs.value("x", [2], TensorProto.INT64)], outputs=[graphs.value("y", ["a", "b"])], initializers=[graphs.constant("depth", np.array(1 << 40)), graphs.constant("values", np.array([0, 1], np.float32))]), "allocation"),
    "random tensor bomb": (lambda: made("RandomNormal", shape=[1 << 16, 1 << 16]), "allocation"),
    "window bomb": (lambda: made("HannWindow", [np.array(1 << 40)]), "allocation"),
    "transposed convolution bomb": (lambda: one("ConvTranspose", [np.ones((1, 1, 1, 1), np.float32)], shape=(1, 1, 4, 4), output_shape=[1 << 16, 1 << 16]), "allocation"),
    "many tensors": (deep_memory, "out_of_memory"),
    "endless loop": (graphs.endless_loop, "loop_trips"),
    "hidden endless loop": (lambda: graphs.endless_loop(is_hidden=True), "cpu_time"),
    "loops in loops": (nested_loops, "loop_trips"),
    "slow convolution": (slow_convolution, "cpu_time"),
    "too deep": (lambda: graphs.nested_ifs(20), "subgraph_depth"),
    "functions of functions": (graphs.function_bomb, "too_many_nodes"),
    "functions called in branches": (function_calls_in_ifs, "too_many_nodes"),
    "function that calls itself": (lambda: graphs.function_bomb(3, calls=2, is_recursive=True), "function_recursion"),
    "function that calls itself in a branch": (function_recursion_in_if, "function_recursion"),
    "many nodes": (many_nodes, "too_many_nodes"),
    "many initializers": (many_initializers, "too_many_initializers"),
    "many inputs": (many_inputs, "too_many_values"),
    "wide node": (wide_node, "too_many_values"),
    "many facts": (many_facts, "too_many_values"),
    "input twice": (lambda: twice("input"), "duplicate_input"),
    "output twice": (lambda: twice("output"), "duplicate_output"),
    "endless name of an input": (lambda: named("x" * 1_000_000), "interface_name"),
    "name with a zero": (lambda: named("x\0y"), "interface_name"),
    "endless name of a node": (lambda: named("x" * 1_000_000, field="node"), "operator_domain"),
    "endless operator": (lambda: named("x" * 1_000_000, field="operator"), "operator_domain"),
    "cycle": (cyclic, "checker"),
    "string input": (lambda: graphs.identity(dtype=TensorProto.STRING), "checker"),
    "wrong types": (lambda: graphs.identity(dtype=TensorProto.BOOL), "checker"),
    "type in a type": (nested_type, "not_onnx"),
    "input of terabytes": (lambda: graphs.identity(shape=(1 << 40, 2)), "input_too_large"),
    "division by zero": (integer_division, "smoke_load"),
    "operator set of the future": (lambda: graphs.make([helper.make_node("Relu", ["x"], ["y"])], inputs=[graphs.value("x", [1])], outputs=[graphs.value("y", [1])], opset=999), "smoke_load"),
}  # fmt: skip


def write(name, path):
    """Write one of them; return the reason."""
    make, reason = HOSTILE[name]
    content = make()
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return reason
