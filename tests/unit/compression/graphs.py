"""Small graphs, honest and hostile, that the tests of compression share."""

import itertools

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from registry.compression.sandbox.limits import Limits

LIMITS = Limits(memory_bytes=4 << 30, cpu_seconds=600, wall_seconds=900.0)


def save(model: onnx.ModelProto, path):
    path.write_bytes(model.SerializeToString())
    return path


def make(nodes, *, inputs, outputs, initializers=(), opset=17, ir_version=9, domains=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version)


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def small_cnn(*, seed=0, channels=8, size=8, classes=4, opset=17):
    """A CNN whose classes are separable: each class is a bright quadrant, and the head adds that quadrant up."""
    rng = np.random.default_rng(seed)
    kernel = np.abs(rng.normal(1.0, 0.1, (channels, 1, 3, 3))).astype(np.float32) / 9
    quadrants = np.zeros((channels, size, size, classes), np.float32)
    half = size // 2
    for index in range(classes):
        row, column = divmod(index, 2)
        quadrants[:, row * half : (row + 1) * half, column * half : (column + 1) * half, index] = 1.0
    head = quadrants.reshape(-1, classes) / half**2 / channels
    return make(
        [
            helper.make_node("Conv", ["image", "kernel", "bias"], ["a"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Flatten", ["b"], ["c"]),
            helper.make_node("Gemm", ["c", "head"], ["logits"], name="head"),
        ],
        inputs=[value("image", ["N", 1, size, size])],
        outputs=[value("logits", ["N", classes])],
        initializers=[
            constant("kernel", kernel),
            constant("bias", np.zeros(channels, np.float32)),
            constant("head", head),
        ],
        opset=opset,
    )


def quadrant_images(count=64, *, size=8, seed=1):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    images = rng.uniform(0, 0.3, (count, 1, size, size)).astype(np.float32)
    half = size // 2
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[0, row * half : (row + 1) * half, column * half : (column + 1) * half] += 1.0
    return images, labels


def save_samples(path, count=64, **extra):
    images, labels = quadrant_images(count)
    np.savez(path, image=images, labels=labels, **extra)
    return path


def identity(*, name="x", dtype=TensorProto.FLOAT, shape=("N", 2)):
    return make(
        [helper.make_node("Relu", [name], ["y"])],
        inputs=[value(name, list(shape), dtype)],
        outputs=[value("y", list(shape), dtype)],
    )


def constant_bomb(elements, *, factors=1):
    """ConstantOfShape of ``elements``; with more factors the extent is computed, so that no constant shows it."""
    shape = constant("s0", np.array([elements], np.int64))
    nodes, initializers, name = [], [shape], "s0"
    for index in range(1, factors):
        initializers.append(constant(f"s{index}", np.array([elements], np.int64)))
        nodes.append(helper.make_node("Mul", [name, f"s{index}"], [f"m{index}"]))
        name = f"m{index}"
    nodes += [
        helper.make_node("ConstantOfShape", [name], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    return make(nodes, inputs=[value("x", ["N", 2])], outputs=[value("y", ["N", 2])], initializers=initializers)


def endless_loop(trips=2**62, *, is_hidden=False):
    """A Loop of ``trips`` turns; hidden, the count is a sum that only the runtime knows."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["keep"], ["keep_out"]),
            helper.make_node("Add", ["carried", "carried"], ["carried_out"]),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("keep", [], TensorProto.BOOL), value("carried", ["N", 2])],
        [value("keep_out", [], TensorProto.BOOL), value("carried_out", ["N", 2])],
    )
    nodes = [helper.make_node("Loop", ["trips", "go", "x"], ["y"], body=body)]
    initializers = [constant("go", np.array(True))]
    if is_hidden:
        nodes.insert(0, helper.make_node("Add", ["half", "half"], ["trips"]))
        initializers.append(constant("half", np.array(trips // 2, np.int64)))
    else:
        initializers.append(constant("trips", np.array(trips, np.int64)))
    return make(nodes, inputs=[value("x", ["N", 2])], outputs=[value("y", ["N", 2])], initializers=initializers)


def nested_ifs(depth):
    """``depth`` Ifs inside each other."""

    def leaf(level):
        node = helper.make_node("Identity", ["x"], [f"leaf{level}"])
        return helper.make_graph([node], f"leaf{level}", [], [value(f"leaf{level}", ["N", 2])])

    branch = leaf(0)
    for level in range(1, depth):
        node = helper.make_node("If", ["go"], [f"r{level}"], then_branch=branch, else_branch=leaf(level))
        branch = helper.make_graph([node], f"b{level}", [], [value(f"r{level}", ["N", 2])])
    top = helper.make_node("If", ["go"], ["y"], then_branch=branch, else_branch=leaf(depth))
    return make(
        [top],
        inputs=[value("x", ["N", 2])],
        outputs=[value("y", ["N", 2])],
        initializers=[constant("go", np.array(True))],
    )


def external_data():
    model = small_cnn()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model


def custom_domain():
    return make(
        [helper.make_node("Evil", ["x"], ["y"], domain="com.example.evil")],
        inputs=[value("x", ["N", 2])],
        outputs=[value("y", ["N", 2])],
        domains=["com.example.evil"],
    )


def huge_declared_length():
    model = small_cnn()
    model.graph.initializer[0].dims[:] = [1 << 40]
    return model


def function_bomb(depth=20, *, calls=10, is_recursive=False):
    """``depth`` functions that each call the next one ``calls`` times."""
    model = custom_domain()
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.example.evil", 1)]
    for level in range(depth):
        name, called = ("Evil" if level == 0 else f"F{level}"), f"F{level + 1}"
        if is_recursive and level == depth - 1:
            called = "Evil"
        is_last = level == depth - 1 and not is_recursive
        wires = ["a", *(f"t{index}" for index in range(calls - 1)), "b"]
        body = [
            helper.make_node(
                "Relu" if is_last else called, [before], [after], domain="" if is_last else "com.example.evil"
            )
            for before, after in itertools.pairwise(wires)
        ]
        model.functions.append(helper.make_function("com.example.evil", name, ["a"], ["b"], body, imports))
    return model
