import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.compression import runtime
from registry.compression.recipes import dynamic_int8, weight_only_int4
from registry.compression.recipes.source import NotApplicable, Source
from tests.unit.compression import graphs


def products(*, operator="MatMul", columns=70, with_bias=False, trans_b=0):
    random = np.random.default_rng(0)
    matrix = random.normal(size=(columns, 48)).astype(np.float32)
    attributes = {"transB": trans_b} if operator == "Gemm" else {}
    names = ["x", "w", "b"] if with_bias else ["x", "w"]
    return graphs.make(
        [onnx.helper.make_node(operator, names, ["y"], name="layer", **attributes)],
        inputs=[graphs.value("x", ["N", columns])],
        outputs=[graphs.value("y", ["N", 48])],
        initializers=[
            graphs.constant("w", matrix.T.copy() if trans_b else matrix),
            graphs.constant("b", random.normal(size=48).astype(np.float32)),
        ][: len(names) - 1],
    )


def build(model, folder, recipe=weight_only_int4, **fields):
    parameters = {"block_size": 32, "accuracy_level": 0, "per_channel": True, "reduce_range": False}
    path = folder / "m.onnx"
    recipe.build(Source(model=model, samples=None, threads=1, **fields), destination=path, parameters=parameters)
    return path.read_bytes()


def outputs(data):
    x = np.random.default_rng(1).normal(size=(20, 70)).astype(np.float32)
    return runtime.open_session(data).run(None, {"x": x})[0]


@given(
    outputs=st.integers(1, 5), columns=st.integers(1, 80), block=st.sampled_from([16, 32]), scale=st.floats(1e-3, 1e3)
)
def test_each_value_is_at_most_half_a_step_away(outputs, columns, block, scale):
    matrix = (np.random.default_rng(columns).normal(size=(outputs, columns)) * scale).astype(np.float32)
    packed, scales = weight_only_int4.pack(matrix, block=block)
    integers = np.stack([packed & 15, packed >> 4], axis=-1).reshape(outputs, -1, block).astype(np.float32) - 8
    unpacked = (integers * scales[..., np.newaxis]).reshape(outputs, -1)[:, :columns]
    steps = np.repeat(np.abs(scales), block, axis=1)[:, :columns]
    # The integer opposite to the extreme one does not exist, so values near it may be a whole step away.
    assert (np.abs(unpacked - matrix) <= steps * 1.001).all()


@pytest.mark.parametrize(
    "model",
    [products(), products(operator="Gemm", with_bias=True), products(operator="Gemm", with_bias=True, trans_b=1)],
    ids=["MatMul", "Gemm", "Gemm transposed"],
)
@pytest.mark.parametrize(("recipe", "most_noise"), [(weight_only_int4, 0.02), (dynamic_int8, 1e-3)])
def test_a_product_gives_nearly_the_same(tmp_path, model, recipe, most_noise):
    want = outputs(model.SerializeToString())
    got = outputs(build(model, tmp_path, recipe=recipe))
    assert np.square(want - got).sum() < most_noise * np.square(want).sum()


def test_the_operator_is_that_of_onnx_runtime(tmp_path):
    made = onnx.load_model_from_string(build(products(), tmp_path))
    assert [(node.domain, node.op_type) for node in made.graph.node] == [("com.microsoft", "MatMulNBits")]


@pytest.mark.parametrize("recipe", [weight_only_int4, dynamic_int8])
def test_a_node_that_a_person_leaves_out_stays_in_floating_point(tmp_path, recipe):
    with pytest.raises(NotApplicable):
        build(products(), tmp_path, recipe=recipe, exclude_nodes=frozenset({"layer"}))


def test_convolutions_have_no_matrix_product_for_int4(tmp_path):
    model = graphs.small_cnn()
    del model.graph.node[2:]
    model.graph.output[0].CopyFrom(graphs.value("b", ["N", 8, 8, 8]))
    with pytest.raises(NotApplicable, match="no matrix multiplication"):
        build(model, tmp_path)


def test_a_model_of_convolutions_is_not_quantized_dynamically(tmp_path):
    with pytest.raises(NotApplicable, match="slower"):
        build(graphs.small_cnn(), tmp_path, recipe=dynamic_int8)
    with pytest.raises(NotApplicable, match="no matrix multiplication"):
        build(graphs.identity(), tmp_path, recipe=dynamic_int8)


@pytest.mark.parametrize("recipe", [weight_only_int4, dynamic_int8])
def test_the_same_model_gives_the_same_bytes(tmp_path, recipe):
    assert build(products(), tmp_path, recipe=recipe) == build(products(), tmp_path, recipe=recipe)
