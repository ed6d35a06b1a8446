import numpy as np
import onnx
import pytest

from registry.compression import runtime
from registry.compression.calibration import ranges
from registry.compression.recipes import gptq
from registry.compression.recipes.mixed import candidates, pairs, trials
from tests.unit.compression import graphs

IMAGES = graphs.quadrant_images(24)[0]
FEEDS = [{"image": IMAGES[index : index + 1]} for index in range(24)]


def two_convolutions():
    random = np.random.default_rng(0)
    model = graphs.make(
        [
            onnx.helper.make_node("Conv", ["image", "k0", "b0"], ["c0"], name="first", pads=[1, 1, 1, 1]),
            onnx.helper.make_node("Relu", ["c0"], ["r0"]),
            onnx.helper.make_node("Conv", ["r0", "k1", "b1"], ["c1"], name="second", pads=[1, 1, 1, 1]),
            onnx.helper.make_node("Add", ["c1", "r0"], ["sum"]),
            onnx.helper.make_node("GlobalAveragePool", ["sum"], ["pooled"]),
            onnx.helper.make_node("Flatten", ["pooled"], ["flat"]),
            onnx.helper.make_node("Gemm", ["flat", "head"], ["logits"], name="head"),
        ],
        inputs=[graphs.value("image", ["N", 1, 8, 8])],
        outputs=[graphs.value("logits", ["N", 40])],
        initializers=[
            graphs.constant("k0", random.normal(size=(32, 1, 6, 6)).astype(np.float32)),
            graphs.constant("b0", random.normal(size=32).astype(np.float32)),
            graphs.constant("k1", random.normal(scale=0.06, size=(32, 32, 3, 3)).astype(np.float32)),
            graphs.constant("b1", random.normal(size=32).astype(np.float32)),
            graphs.constant("head", random.normal(size=(32, 40)).astype(np.float32)),
        ],
    )
    model.graph.node[0].attribute[0].ints[:] = [3, 3, 2, 2]
    return onnx.shape_inference.infer_shapes(model)


@pytest.fixture(scope="module")
def model():
    return two_convolutions()


def quantize(model, *, dtype="uint8", is_symmetric=False, reduce_range=False, excluded=()):
    found = candidates.find_candidates(model, excluded=excluded, is_symmetric=is_symmetric)
    limits = ranges.collect(model, FEEDS).choose("minmax", is_symmetric=is_symmetric)
    activations = pairs.ActivationType(dtype=dtype, is_symmetric=is_symmetric, reduce_range=reduce_range)
    weights = gptq.quantize_weights(model, None, bits=7 if reduce_range else 8)
    return pairs.quantize(model, found, ranges=limits, weights=weights, activations=activations)


def noise_of(model, quantized):
    before, after = (runtime.open_session(part.SerializeToString()) for part in (model, quantized))
    return trials.measure_noise([(before.run(None, feed), after.run(None, feed)) for feed in FEEDS])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": "int8"},
        {"dtype": "int8", "is_symmetric": True},
        {"reduce_range": True},
        {"dtype": "int8", "reduce_range": True},
    ],
    ids=str,
)
def test_every_type_of_activations_gives_nearly_the_same_outputs(model, options):
    quantized = quantize(model, **options)
    onnx.checker.check_model(quantized, full_check=True)
    assert noise_of(model, quantized) < 1e-3


def test_onnx_runtime_computes_the_nodes_in_integers(model, tmp_path):
    path = tmp_path / "optimized.onnx"
    runtime.open_session(quantize(model).SerializeToString(), optimized_to=path, level="extended")
    operators = [node.op_type for node in onnx.load(path).graph.node]
    assert operators.count("QLinearConv") == 2
    assert "QGemm" in operators
    assert not {"Conv", "Gemm", "Relu"} & set(operators)


def test_only_operators_with_large_constant_weights_are_candidates():
    model = graphs.make(
        [
            onnx.helper.make_node("MatMul", ["x", "small"], ["a"], name="small"),
            onnx.helper.make_node("MatMul", ["a", "large"], ["b"], name="large"),
            onnx.helper.make_node("MatMul", ["b", "x"], ["c"], name="activations"),
            onnx.helper.make_node("MatMul", ["c", "large2"], ["y"], name="left out"),
        ],
        inputs=[graphs.value("x", [40, 40])],
        outputs=[graphs.value("y", [40, 40])],
        initializers=[
            graphs.constant("small", np.ones((40, 20), np.float32)),
            graphs.constant("large", np.ones((20, 60), np.float32)),
            graphs.constant("large2", np.ones((40, 40), np.float32)),
        ],
    )
    found = candidates.find_candidates(model, excluded={"left out"}, is_symmetric=False)
    assert [candidate.name for candidate in found] == ["large"]


def test_a_residual_sum_reads_the_integers_of_a_convolution_and_keeps_its_name(model):
    quantized = quantize(model, excluded={"second", "head"})
    readers = {node.op_type: node for node in quantized.graph.node if "r0" in node.input}
    assert set(readers) == {"Conv", "Add"}
    assert [value.name for value in quantized.graph.output] == ["logits"]


def test_multiply_adds_are_those_of_the_operators(model):
    found = {c.name: c for c in candidates.find_candidates(model, excluded=(), is_symmetric=False)}
    elements = {"r0": 32 * 64, "c1": 32 * 64, "flat": 32}
    assert found["first"].count_multiply_adds(elements) == 32 * 64 * 36
    assert found["second"].count_multiply_adds(elements) == 32 * 64 * 288
    assert found["head"].count_multiply_adds(elements) == 32 * 40


def test_zero_is_exact_for_every_range():
    for dtype, limits in (("uint8", (-1.0, 3.0)), ("int8", (-1.0, 3.0)), ("uint8", (2.0, 3.0)), ("int8", (0.0, 0.0))):
        scale, zero = pairs.ActivationType(dtype=dtype).choose_scale(limits)
        assert scale > 0
        assert np.iinfo(dtype).min <= zero <= np.iinfo(dtype).max


def test_noise_counts_where_the_source_is_finite_and_nan_of_the_variant_is_the_worst():
    source, close = np.array([1.0, np.inf, 2.0], np.float32), np.array([1.0, 0.0, 2.0], np.float32)
    assert trials.measure_noise([([source], [close])]) == 0.0
    broken = np.array([np.nan, np.inf, 2.0], np.float32)
    assert trials.measure_noise([([source], [broken])]) == float("inf")
