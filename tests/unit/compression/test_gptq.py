import numpy as np
import onnx
import pytest
from onnx import helper

from registry.compression import runtime
from registry.compression.calibration.samples import Samples, split_feeds
from registry.compression.recipes import gptq
from registry.compression.recipes.weights import matrices, patches, rounding, solver, uses
from registry.compression.tensor_specs import Batch
from tests.unit.compression import graphs


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def one_node(node, *, shape, outputs=("y",), **weights):
    """A model of this node alone, with input ``x``."""
    return graphs.make(
        [node],
        inputs=[graphs.value("x", list(shape))],
        outputs=[graphs.value(name, None) for name in outputs],
        initializers=[graphs.constant(name, array) for name, array in weights.items()],
    )


def run(model, x):
    return runtime.open_session(model.SerializeToString()).run(None, {"x": x})


def samples_of(name, array):
    for_ranges, held_out = split_feeds(len(array))
    return Samples({name: array}, None, Batch(1, is_free=True), for_ranges, held_out)


CONVOLUTIONS = [
    ((5, 6, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((5, 6, 3, 3), {"pads": [0, 1, 2, 0], "strides": [2, 1], "dilations": [1, 2]}),
    ((6, 3, 2, 3), {"group": 2}),
    ((5, 6, 3, 2), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((5, 6, 2, 2), {"auto_pad": "SAME_LOWER"}),
    ((5, 6, 1, 1), {"auto_pad": "VALID"}),
]


@pytest.mark.parametrize(("shape", "attributes"), CONVOLUTIONS)
def test_patches_times_weights_are_what_the_runtime_computes(shape, attributes):
    model = one_node(helper.make_node("Conv", ["x", "w"], ["y"], **attributes), shape=(2, 6, 9, 8), w=random(*shape))
    x = random(2, 6, 9, 8, seed=1)
    weight = uses.find_weights(model.graph)["w"]
    rows = patches.pick_rows(weight, x, count=10**6, generator=np.random.default_rng(0))
    product = rows @ matrices.to_matrix(weight, weight.array).transpose(0, 2, 1)
    (want,) = run(model, x)
    got = np.concatenate(list(product), axis=1)
    assert np.allclose(got, np.moveaxis(want, 1, -1).reshape(got.shape), atol=1e-5)


def test_patches_of_one_axis_are_found_too():
    model = one_node(helper.make_node("Conv", ["x", "w"], ["y"], strides=[2]), shape=(1, 4, 20), w=random(3, 4, 5))
    x = random(1, 4, 20)
    weight = uses.find_weights(model.graph)["w"]
    rows = patches.pick_rows(weight, x, count=10**6, generator=np.random.default_rng(0))
    assert np.allclose(rows[0] @ weight.array.reshape(3, -1).T, run(model, x)[0][0].T, atol=1e-5)


@pytest.mark.parametrize("is_transposed", [0, 1])
def test_rows_of_a_matrix_product_are_those_of_its_input(is_transposed):
    shape = (4, 6) if is_transposed else (6, 4)
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=is_transposed)
    model = one_node(node, shape=(7, 6), w=random(*shape))
    weight, x = uses.find_weights(model.graph)["w"], random(7, 6)
    rows = patches.pick_rows(weight, x, count=7, generator=np.random.default_rng(0))
    product = rows[0] @ matrices.to_matrix(weight, weight.array)[0].T
    assert np.allclose(product, run(model, x)[0], atol=1e-5)


def test_a_recurrent_operator_has_rows_for_each_direction_and_for_its_states():
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=5, direction="bidirectional")
    model = one_node(node, shape=(7, 2, 3), w=random(2, 20, 3), r=random(2, 20, 5))
    x = random(7, 2, 3)
    states = run(model, x)[0]
    found = uses.find_weights(model.graph)
    assert [patches.tensor_of(weight) for weight in found.values()] == ["x", "y"]
    generator = np.random.default_rng(0)
    fed = patches.pick_rows(found["w"], x, count=99, generator=generator)
    kept = patches.pick_rows(found["r"], states, count=99, generator=generator)
    assert np.array_equal(fed[1], x.reshape(14, 3))
    assert np.array_equal(kept[1], states[:, 1].reshape(14, 5))


@pytest.mark.parametrize("shape", [(4, 3), (5, 2, 3, 3)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_weight_survives_the_way_to_a_matrix_and_back(shape, axis):
    op_type = "Gemm" if len(shape) == 2 else "Conv" if axis == 0 else "ConvTranspose"
    node = helper.make_node(op_type, ["x", "w"], ["y"], **({"transB": 1 - axis} if op_type == "Gemm" else {}))
    values = random(*shape)
    weight = uses.find_weights(one_node(node, shape=(1, 3), w=values).graph)["w"]
    assert weight.axis == axis
    assert np.array_equal(matrices.from_matrix(weight, matrices.to_matrix(weight, values)), values)


def correlated_rows(count, columns):
    return random(count, 4, seed=3) @ random(4, columns, seed=4) + 0.1 * random(count, columns, seed=5)


@pytest.mark.parametrize("bits", [8, 4])
def test_outputs_change_less_than_by_plain_rounding(bits):
    weights, rows, top = random(16, 200), correlated_rows(2000, 200), rounding.top_level(bits)
    steps = rounding.choose_steps(weights, axes=(1,), bits=bits)
    solved = solver.solve(weights, rows.T @ rows, steps, top=top)
    plain = rounding.to_integers(weights, steps, bits=bits)

    def error(integers):
        return np.square(rows @ (integers * steps - weights).T).sum()

    assert np.abs(solved).max() <= top
    assert error(solved) < 0.3 * error(plain)


def test_columns_that_were_never_fed_are_rounded_plainly():
    weights, rows = random(4, 20), correlated_rows(100, 20)
    rows[:, 7] = 0
    steps = rounding.choose_steps(weights, axes=(1,), bits=8)
    solved = solver.solve(weights, rows.T @ rows, steps, top=127)
    assert np.array_equal(solved[:, 7], rounding.to_integers(weights, steps, bits=8)[:, 7])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_rows_that_say_nothing_are_named(value):
    with pytest.raises(solver.NotSolvable):
        solver.solve(random(2, 8), np.full((8, 8), value, np.float32), np.ones((2, 1), np.float32), top=127)


def two_layers():
    return graphs.make(
        [
            helper.make_node("Conv", ["x", "k"], ["a"], pads=[1, 1, 1, 1]),
            helper.make_node("Conv", ["a", "d"], ["b"], group=8),
            helper.make_node("Flatten", ["b"], ["c"]),
            helper.make_node("MatMul", ["c", "h"], ["y"]),
        ],
        inputs=[graphs.value("x", ["N", 3, 8, 8])],
        outputs=[graphs.value("y", ["N", 5])],
        initializers=[
            graphs.constant("k", random(8, 3, 3, 3)),
            graphs.constant("d", random(8, 1, 3, 3)),
            graphs.constant("h", random(288, 5)),
        ],
    )


def test_weights_are_learned_from_samples_and_depthwise_ones_rounded():
    model, samples = two_layers(), samples_of("x", random(24, 3, 8, 8, seed=9))
    before = model.SerializeToString()
    steps = []
    found = gptq.quantize_weights(model, samples, report=lambda step, done: steps.append((step, done)))
    plain = gptq.quantize_weights(model, None)
    assert {name: weight.method for name, weight in found.items()} == {"k": "gptq", "d": "rounding", "h": "gptq"}
    assert {weight.method for weight in plain.values()} == {"rounding"}
    assert all(np.array_equal(found[name].scales, plain[name].scales) for name in plain)
    assert not np.array_equal(found["h"].integers, plain["h"].integers)
    assert steps == [("quantizing weights", 0.0)]
    assert model.SerializeToString() == before


def test_the_same_samples_give_the_same_integers():
    samples = samples_of("x", random(24, 3, 8, 8, seed=9))
    first, second = (gptq.quantize_weights(two_layers(), samples) for _ in range(2))
    assert all(np.array_equal(first[name].integers, second[name].integers) for name in first)


def test_when_the_time_is_over_the_rest_is_rounded(monkeypatch):
    monkeypatch.setattr(gptq, "MAX_SECONDS", -1.0)
    found = gptq.quantize_weights(two_layers(), samples_of("x", random(24, 3, 8, 8)))
    assert {weight.method for weight in found.values()} == {"rounding"}


def test_a_matrix_of_many_columns_is_learned_in_parts():
    model = one_node(helper.make_node("MatMul", ["x", "w"], ["y"]), shape=("N", 3200), w=random(3200, 4))
    samples = samples_of("x", correlated_rows(40, 3200))
    found, plain = gptq.quantize_weights(model, samples)["w"], gptq.quantize_weights(model, None)["w"]
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    fresh = correlated_rows(50, 3200)

    def error(quantized):
        return np.square(fresh @ (quantized.integers * quantized.broadcast_scales - weights)).sum()

    assert found.method == "gptq"
    assert error(found) < error(plain)
