import numpy as np
import onnx
import pytest
from onnx import helper

from registry.compression.recipes import RECIPES, gptq
from registry.compression.recipes.weights import blocks, matrices, patches, uses
from registry.compression.recipes.weights.rounding import round_weight, to_integers
from tests.unit.compression import graphs


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("bits", "top"), [(8, 127), (4, 7)])
def test_a_rounded_weight_is_off_by_half_a_step_of_its_channel_at_most(axis, bits, top):
    weight = random(6, 5, 4)
    rounded = round_weight(weight, axis=axis, bits=bits)
    assert rounded.scales.shape == (weight.shape[axis],)
    assert np.abs(rounded.integers).max() == top
    error = np.abs(rounded.integers * rounded.broadcast_scales - weight)
    assert (error <= rounded.broadcast_scales * 0.5001).all()


def test_a_channel_of_zeros_stays_zero():
    weight = np.zeros((2, 8), np.float32)
    weight[0, 0] = 1.0
    rounded = round_weight(weight, axis=0)
    assert rounded.scales[1] == 1.0
    assert not rounded.integers[1].any()


@pytest.mark.parametrize(
    ("node", "shape", "axis"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"]), (4, 3, 3, 3), 0),
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"]), (3, 4, 3, 3), 1),
        (helper.make_node("Gemm", ["x", "w"], ["y"]), (3, 4), 1),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transB=1), (4, 3), 0),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), (3, 4), 1),
        (helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=1), (1, 4, 3), 1),
        (helper.make_node("Gather", ["w", "x"], ["y"]), (9, 4), 0),
    ],
)
def test_the_output_channels_of_each_operator_are_found(node, shape, axis):
    model = graphs.make(
        [node], inputs=[graphs.value("x", ["N", 3])], outputs=[], initializers=[graphs.constant("w", random(*shape))]
    )
    assert uses.find_weights(model.graph)["w"].axis == axis
    assert gptq.quantize_weights(model, None)["w"].axis == axis


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Add", ["x", "w"], ["y"]),
        helper.make_node("Gather", ["w", "x"], ["y"], axis=1),
        helper.make_node("Conv", ["x", "w"], ["y"], domain="com.microsoft"),
    ],
)
def test_other_constants_are_no_weights(node):
    model = graphs.make(
        [node], inputs=[graphs.value("x", ["N", 3])], outputs=[], initializers=[graphs.constant("w", random(3, 4, 5))]
    )
    assert uses.find_weights(model.graph) == {}


def test_recipes_say_whether_they_set_ranges_and_need_samples():
    assert RECIPES["static-int8"].sets_activation_ranges
    assert RECIPES["static-int8"].needs_samples
    assert not RECIPES["fp32-optimized"].sets_activation_ranges


def in_branches(*, is_moved):
    """A model whose weight is used in the branches of an If, behind nodes that move its elements or at once."""

    def branch(name):
        wire, nodes = "w", []
        if is_moved:
            nodes = [
                helper.make_node("Transpose", ["w"], [f"{name}t"], perm=[1, 0]),
                helper.make_node("Identity", [f"{name}t"], [f"{name}m"]),
            ]
            wire = f"{name}m"
        nodes.append(helper.make_node("MatMul", ["x", wire], [name]))
        return helper.make_graph(nodes, name, [], [graphs.value(name, None)])

    return graphs.make(
        [helper.make_node("If", ["go"], ["y"], then_branch=branch("a"), else_branch=branch("b"))],
        inputs=[graphs.value("x", [1, 4]), graphs.value("go", [], onnx.TensorProto.BOOL)],
        outputs=[graphs.value("y", None)],
        initializers=[graphs.constant("w", random(4, 4))],
    )


@pytest.mark.parametrize(("is_moved", "axis"), [(False, 1), (True, 0)])
def test_weights_of_branches_are_found_and_not_learned(is_moved, axis):
    weight = uses.find_weights(in_branches(is_moved=is_moved).graph)["w"]
    assert (weight.axis, weight.is_nested) == (axis, True)
    assert not patches.can_pick(weight)


def test_blocks_of_four_bits_hold_what_was_rounded():
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = graphs.make([node], inputs=[], outputs=[], initializers=[graphs.constant("w", random(96, 5) * 1e-3)])
    weight = uses.find_weights(model.graph)["w"]
    matrix = matrices.to_matrix(weight, weight.array)
    steps = blocks.choose_steps(matrix)
    integers = to_integers(matrix, steps, bits=4)
    arranged = blocks.arrange(weight, integers=integers, steps=steps)
    unpacked = arranged.integers * arranged.steps.astype(np.float32) * arranged.factor
    assert arranged.steps.shape == (3, 1, 5)
    assert np.allclose(unpacked.reshape(96, 5), matrices.from_matrix(weight, integers * steps), rtol=1e-3)
    assert np.square(unpacked.reshape(96, 5) - weight.array).sum() < 0.02 * np.square(weight.array).sum()


def test_a_block_of_zeros_stays_zero():
    steps = blocks.choose_steps(np.zeros((1, 2, 64), np.float32))
    assert (steps > 0).all()


@pytest.mark.parametrize(("columns", "fits"), [(64, True), (54, True), (9, False), (146, False)])
def test_columns_without_a_divisor_from_16_to_64_have_no_blocks(columns, fits):
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    model = graphs.make([node], inputs=[], outputs=[], initializers=[graphs.constant("w", random(4, columns))])
    assert blocks.has_blocks(uses.find_weights(model.graph)["w"]) is fits
