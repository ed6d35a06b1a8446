"""The storage recipes, in this process; ``tests/services/compression/test_recipes.py`` builds them in the child."""

import importlib

import numpy as np
import onnx
import pytest
from onnx import helper

from registry.compression import runtime
from registry.compression.calibration.samples import Samples, split_feeds
from registry.compression.intake import walking
from registry.compression.recipes import RECIPES
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.tensor_specs import Batch
from tests.unit.compression import graphs

STORAGE = ("int8-storage", "int4-storage", "fp16-storage")


def random(*shape, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)


def build(name, model, folder, *, samples=None, **parameters):
    """Return (the file's model, the warnings)."""
    recipe = RECIPES[name]
    source = Source(model=onnx.ModelProto.FromString(model.SerializeToString()), samples=samples, threads=1)
    module = importlib.import_module(f"registry.compression.recipes.{recipe.module}")
    module.build(source, destination=folder / "built.onnx", parameters={**recipe.parameters, **parameters})
    built = onnx.load(folder / "built.onnx")
    onnx.checker.check_model(built, full_check=True)
    return built, source.warnings


def compare(model, built, feed):
    """Return the least signal-to-noise ratio over the outputs, in dB."""
    before, after = (runtime.open_session(one.SerializeToString()).run(None, feed) for one in (model, built))
    return min(
        10 * np.log10(np.square(want).sum() / max(1e-30, np.square(want - got).sum()))
        for want, got in zip(before, after, strict=True)
    )


def folded(model, folder):
    """Return the operators that are left when ONNX Runtime has loaded the model at the lowest level."""
    runtime.open_session(model.SerializeToString(), optimized_to=folder / "folded.onnx", level="basic")
    return {node.op_type for node in walking.iterate_nodes(onnx.load(folder / "folded.onnx"))}


def every_kind():
    """Convolutions of each kind, a table, a recurrent operator in both directions and matrix products."""
    return graphs.make(
        [
            helper.make_node("Conv", ["x", "k"], ["a"], pads=[1, 1]),
            helper.make_node("Conv", ["a", "d"], ["b"], pads=[2, 2], group=64),
            helper.make_node("ConvTranspose", ["b", "t"], ["c"]),
            helper.make_node("Transpose", ["c"], ["e"], perm=[2, 0, 1]),
            helper.make_node("LSTM", ["e", "lw", "lr"], ["f"], hidden_size=32, direction="bidirectional"),
            helper.make_node("Transpose", ["f"], ["g"], perm=[2, 0, 1, 3]),
            helper.make_node("Reshape", ["g", "flat"], ["h"]),
            helper.make_node("Gather", ["table", "token"], ["i"]),
            helper.make_node("MatMul", ["h", "m"], ["j"]),
            helper.make_node("Add", ["j", "i"], ["o"]),
            helper.make_node("Gemm", ["o", "q", "qb"], ["y"], transB=1),
        ],
        inputs=[graphs.value("x", [1, 16, 8]), graphs.value("token", [1], onnx.TensorProto.INT64)],
        outputs=[graphs.value("y", [1, 40])],
        initializers=[
            graphs.constant("k", random(64, 16, 3)),
            graphs.constant("d", random(64, 1, 5)),
            graphs.constant("t", random(64, 64, 2)),
            graphs.constant("lw", random(2, 128, 64)),
            graphs.constant("lr", random(2, 128, 32)),
            graphs.constant("flat", np.array([1, -1], np.int64)),
            graphs.constant("table", random(50, 96)),
            graphs.constant("m", random(576, 96)),
            graphs.constant("q", random(40, 96)),
            graphs.constant("qb", random(40)),
        ],
    )


FEED = {"x": random(1, 16, 8, seed=7), "token": np.array([3])}


@pytest.mark.parametrize(
    ("name", "ratio", "decibels"), [("int8-storage", 3.2, 28), ("int4-storage", 4.5, 10), ("fp16-storage", 1.9, 55)]
)
def test_every_kind_of_weight_is_stored_small_and_folded_at_load(tmp_path, name, ratio, decibels):
    model = every_kind()
    built, warnings = build(name, model, tmp_path)
    assert model.ByteSize() / built.ByteSize() > ratio
    assert compare(model, built, FEED) > decibels
    assert not {"Cast", "Mul", "BitShift", "Concat"} & folded(built, tmp_path)
    assert "memory and at the speed of FP32" in warnings[0]


def test_int8_storage_keeps_depthwise_and_transposed_convolutions_in_half_precision(tmp_path):
    built, _ = build("int8-storage", every_kind(), tmp_path)
    kinds = {tuple(tensor.dims): tensor.data_type for tensor in built.graph.initializer}
    assert kinds[64, 1, 5] == kinds[64, 64, 2] == onnx.TensorProto.FLOAT16
    assert kinds[64, 16, 3] == kinds[2, 128, 64] == kinds[576, 96] == kinds[50, 96] == onnx.TensorProto.INT8
    assert kinds[(40,)] == onnx.TensorProto.FLOAT


def pictures():
    rows = np.random.default_rng(5).normal(size=(40, 4)).astype(np.float32) @ random(4, 128, seed=6)
    for_ranges, held_out = split_feeds(40)
    x = np.repeat(rows.reshape(40, 16, 8), 1, axis=0)
    return Samples({"x": x, "token": np.zeros(40, np.int64)}, None, Batch(1, is_free=False), for_ranges, held_out)


@pytest.mark.parametrize("name", ["int8-storage", "int4-storage"])
def test_with_samples_the_file_is_as_small_and_closer_to_its_source(tmp_path, name):
    model, samples = every_kind(), pictures()
    plain, warnings = build(name, model, tmp_path)
    learned, no_warnings = build(name, model, tmp_path, samples=samples)
    feed = samples.feed(samples.held_out[0])
    assert "no samples" in " ".join(warnings)
    assert "no samples" not in " ".join(no_warnings)
    assert learned.ByteSize() == plain.ByteSize()
    assert compare(model, learned, feed) > compare(model, plain, feed) + 1


@pytest.mark.parametrize("name", STORAGE)
def test_the_same_source_gives_the_same_bytes(tmp_path, name):
    first, second = (build(name, every_kind(), tmp_path, samples=pictures())[0] for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def voice_detector():
    """Like those of packages: a model for each rate in the branches of an If, constants in nodes, an LSTM with its state."""

    def constant(name, array):
        return helper.make_node("Constant", [], [name], value=graphs.constant("", array))

    def branch(rate, width):
        nodes = [
            constant(f"k{rate}", random(64, 1, width, seed=rate)),
            constant(f"w{rate}", random(128, 64, seed=rate + 1)),
            constant(f"r{rate}", random(1, 128, 32, seed=rate + 2)),
            constant(f"axes{rate}", np.array([0], np.int64)),
            constant(f"h{rate}", random(32, 1, seed=rate + 3)),
            helper.make_node("Unsqueeze", ["sound", f"axes{rate}"], [f"a{rate}"]),
            helper.make_node("Conv", [f"a{rate}", f"k{rate}"], [f"b{rate}"], strides=[width]),
            helper.make_node("Transpose", [f"b{rate}"], [f"c{rate}"], perm=[2, 0, 1]),
            # Behind a node that moves elements, as exporters leave weights whose gates they put in another order.
            helper.make_node("Unsqueeze", [f"w{rate}", f"axes{rate}"], [f"wu{rate}"]),
            helper.make_node(
                "LSTM",
                [f"c{rate}", f"wu{rate}", f"r{rate}", "", "", "state", "state"],
                ["", f"d{rate}"],
                hidden_size=32,
            ),
            helper.make_node("MatMul", [f"d{rate}", f"h{rate}"], [f"e{rate}"]),
            helper.make_node("Sigmoid", [f"e{rate}"], [f"f{rate}"]),
        ]
        outputs = [graphs.value(f"f{rate}", [1, 1, 1]), graphs.value(f"d{rate}", [1, 1, 32])]
        return helper.make_graph(nodes, f"rate{rate}", [], outputs)

    return graphs.make(
        [
            helper.make_node("Equal", ["rate", "wide"], ["is_wide"]),
            helper.make_node("If", ["is_wide"], ["p", "next"], then_branch=branch(16, 64), else_branch=branch(8, 32)),
        ],
        inputs=[
            graphs.value("sound", [1, "length"]),
            graphs.value("state", [1, 1, 32]),
            graphs.value("rate", [], onnx.TensorProto.INT64),
        ],
        outputs=[graphs.value("p", [1, 1, 1]), graphs.value("next", [1, 1, 32])],
        initializers=[graphs.constant("wide", np.array(16000, np.int64))],
        opset=15,
        ir_version=8,
    )


@pytest.mark.parametrize(("name", "ratio", "decibels"), [("fp16-storage", 1.8, 55), ("int8-storage", 2.9, 30)])
@pytest.mark.parametrize("rate", [16000, 8000])
def test_weights_in_branches_and_in_constant_nodes_are_stored_small_too(tmp_path, name, ratio, decibels, rate):
    model = voice_detector()
    built, _ = build(name, model, tmp_path)
    feed = {"sound": random(1, 256, seed=3), "state": np.zeros((1, 1, 32), np.float32), "rate": np.array(rate)}
    assert model.ByteSize() / built.ByteSize() > ratio
    assert compare(model, built, feed) > decibels
    assert built.opset_import[0].version == 15


@pytest.mark.parametrize("name", STORAGE)
def test_a_model_without_large_constants_is_not_applicable(tmp_path, name):
    with pytest.raises(NotApplicable, match="no weight in float32 is large enough"):
        build(name, graphs.identity(), tmp_path)


def test_int4_storage_needs_a_large_weight(tmp_path):
    with pytest.raises(NotApplicable, match="large enough for 4 bits"):
        build("int4-storage", every_kind(), tmp_path, min_elements=100_000)


def test_values_that_half_precision_cannot_hold_stay_as_they_are(tmp_path):
    model = graphs.make(
        [helper.make_node("Mul", ["x", "huge"], ["a"]), helper.make_node("Mul", ["a", "tiny"], ["b"]),
         helper.make_node("Add", ["b", "plain"], ["y"])],
        inputs=[graphs.value("x", [1, 512])],
        outputs=[graphs.value("y", [1, 512])],
        initializers=[
            graphs.constant("huge", random(1, 512) * 1e6),
            graphs.constant("tiny", random(1, 512) * 1e-6),
            graphs.constant("plain", random(1, 512)),
        ],
    )  # fmt: skip
    built, _ = build("fp16-storage", model, tmp_path)
    kinds = {tensor.name: tensor.data_type for tensor in built.graph.initializer}
    assert kinds["huge"] == kinds["tiny"] == onnx.TensorProto.FLOAT
    assert onnx.TensorProto.FLOAT16 in kinds.values()


def test_a_weight_that_is_not_finite_is_left_alone(tmp_path):
    weight = random(64, 64)
    weight[0, 0] = np.inf
    model = graphs.make(
        [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("MatMul", ["a", "v"], ["y"])],
        inputs=[graphs.value("x", [1, 64])],
        outputs=[graphs.value("y", [1, 64])],
        initializers=[graphs.constant("w", weight), graphs.constant("v", random(64, 64))],
    )
    built, _ = build("int8-storage", model, tmp_path)
    kinds = [tensor.data_type for tensor in built.graph.initializer if tensor.name == "w"]
    assert kinds == [onnx.TensorProto.FLOAT]


def test_folding_is_left_out_where_it_makes_the_file_larger(tmp_path):
    model = graphs.make(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["ones"], value=graphs.constant("", np.ones(1, np.float32))),
            helper.make_node("Add", ["x", "ones"], ["a"]),
            helper.make_node("MatMul", ["a", "w"], ["y"]),
        ],
        inputs=[graphs.value("x", [512, 64])],
        outputs=[graphs.value("y", [512, 64])],
        initializers=[
            graphs.constant("shape", np.array([512, 64], np.int64)),
            graphs.constant("w", random(64, 64)),
        ],
    )
    built, _ = build("int8-storage", model, tmp_path)
    assert built.ByteSize() < 8000


def test_weights_listed_among_the_inputs_are_stored_too(tmp_path):
    model = graphs.small_cnn(channels=16, opset=13)
    model.ir_version = 3
    model.graph.input.extend(graphs.value(tensor.name, list(tensor.dims)) for tensor in model.graph.initializer)
    built, _ = build("int8-storage", model, tmp_path)
    assert [value.name for value in built.graph.input] == ["image"]
    assert built.ir_version >= 4
    assert onnx.TensorProto.INT8 in {tensor.data_type for tensor in built.graph.initializer}
