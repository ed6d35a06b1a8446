import numpy as np
import pytest
from onnx import helper

from registry.compression.recipes import RECIPES, gptq
from registry.compression.recipes.weights import uses
from registry.compression.recipes.weights.rounding import round_weight
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
