"""Each recipe on a small model, through the real child."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from registry.compression import runtime
from registry.compression.attempts import build_attempts
from registry.compression.inspections import inspect_model
from registry.compression.recipes import RECIPES, resolve_parameters
from registry.compression.targets import ChainStep, get_target
from tests.unit.compression import graphs

DIGITS = Path(__file__).parents[3] / "examples" / "digits"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The newest digits model with its samples, inspected."""
    source, calibration = sorted(DIGITS.glob("*.onnx"))[-1], DIGITS / "calibration.npz"
    folder = tmp_path_factory.mktemp("digits")
    return source, calibration, inspect_model(source, scratch=folder, calibration=calibration, limits=graphs.LIMITS)[0]


@pytest.mark.parametrize(
    "name", ["fp16", "fp16-storage", "fp32-optimized", "int4-storage", "int8-storage", "static-int8"]
)
def test_every_recipe_keeps_the_accuracy_of_a_trained_model(tmp_path, digits, name):
    source, calibration, inspection = digits
    step = ChainStep(recipe=name, parameters=resolve_parameters(RECIPES[name], {}))
    (attempt,) = build_attempts(
        source,
        replace(get_target("raspberry-pi-5"), chain=(step,)),
        inspection=inspection,
        calibration=calibration,
        scratch=tmp_path,
        limits=graphs.LIMITS,
    )
    assert (attempt.status, attempt.reason) == ("ready", "")
    assert attempt.measurements["accuracy_before"] - attempt.measurements["accuracy_after"] <= 0.006
    assert attempt.measurements["size_ratio"] > {"fp32-optimized": 0.9, "fp16": 1.8, "fp16-storage": 1.8}.get(name, 3.2)


def build(folder, name, *, model=None, with_samples=True, **given):
    source = graphs.save(model or graphs.small_cnn(channels=16), folder / "source.onnx")
    calibration = graphs.save_samples(folder / "c.npz") if with_samples else None
    inspection, _ = inspect_model(source, scratch=folder, calibration=calibration, limits=graphs.LIMITS)
    step = ChainStep(recipe=name, parameters=resolve_parameters(RECIPES[name], given))
    (attempt,) = build_attempts(
        source,
        replace(get_target("generic-cpu"), chain=(step,)),
        inspection=inspection,
        calibration=calibration,
        scratch=folder,
        limits=graphs.LIMITS,
    )
    return attempt


@pytest.mark.parametrize(
    ("name", "given", "ratio"), [("int8-storage", {}, 2.9), ("int4-storage", {"min_elements": 2048}, 3.5), ("fp16-storage", {}, 1.7)]
)  # fmt: skip
@pytest.mark.parametrize("with_samples", [True, False])
def test_a_storage_recipe_makes_a_smaller_file_that_decides_the_same(tmp_path, name, given, ratio, with_samples):
    attempt = build(tmp_path, name, with_samples=with_samples, **given)
    assert (attempt.status, attempt.reason) == ("ready", "")
    assert attempt.measurements["size_ratio"] > ratio
    assert attempt.measurements["agreement"] == 1.0
    runtime.open_session(attempt.artifact.read_bytes())
    assert not {node.domain for node in onnx.load(attempt.artifact).graph.node} - {""}


@pytest.mark.parametrize("name", ["int8-storage", "int4-storage", "fp16-storage"])
def test_a_model_without_weights_is_passed_over_with_a_sentence(tmp_path, name):
    attempt = build(tmp_path, name, model=graphs.identity(), with_samples=False)
    assert attempt.status == "not_applicable"
    assert attempt.reason.startswith("No weight in float32 is large enough")


def test_fp16_computes_in_half_precision_and_is_fed_the_same_arrays(tmp_path):
    attempt = build(tmp_path, "fp16", model=graphs.small_cnn(channels=64))
    built = onnx.load(attempt.artifact)
    assert attempt.measurements["agreement"] == 1.0
    assert attempt.measurements["size_ratio"] > 1.8
    assert {value.type.tensor_type.elem_type for value in built.graph.input} == {onnx.TensorProto.FLOAT}
    assert {tensor.data_type for tensor in built.graph.initializer} == {onnx.TensorProto.FLOAT16}
    onnx.checker.check_model(built, full_check=True)


def test_what_was_quantized_before_the_upload_is_offered_as_it_is(tmp_path):
    model = graphs.small_cnn(channels=16)
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    kernel.CopyFrom(graphs.constant("integers", np.ones((16, 1, 3, 3), np.int8)))
    model.graph.initializer.append(graphs.constant("scale", np.float32(1 / 9)))
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", ["integers", "scale"], ["kernel"]))
    attempt = build(tmp_path, "as-is", model=model)
    assert (attempt.status, attempt.reason) == ("ready", "")
    assert attempt.measurements["sqnr_db"] == 200
    other = build(tmp_path, "fp16", model=model)
    assert (other.status, other.reason) == ("not_applicable", "The model is small already: 1 DequantizeLinear.")


@pytest.mark.parametrize("name", ["static-int8", "fp16", "int8-storage"])
def test_a_file_that_we_made_passes_the_intake_again(tmp_path, name):
    attempt = build(tmp_path, name)
    inspection, _ = inspect_model(attempt.artifact, scratch=tmp_path, limits=graphs.LIMITS)
    assert inspection.outputs[0]["name"] == "logits"


def test_a_model_in_full_precision_is_not_offered_as_it_is(tmp_path):
    attempt = build(tmp_path, "as-is")
    assert (attempt.status, attempt.reason) == (
        "not_applicable",
        "The model is in full precision, so other recipes can make it smaller.",
    )


@pytest.mark.parametrize("name", ["static-int8", "int8-storage", "fp16", "fp32-optimized"])
def test_a_target_may_have_every_shape_fixed_before_any_recipe(tmp_path, name):
    attempt = build(tmp_path, name, model=graphs.small_cnn(channels=64), fixed_shape=True)
    assert (attempt.status, attempt.reason) == ("ready", "")
    graph = onnx.load(attempt.artifact).graph
    shapes = {
        value.name: [extent.dim_value for extent in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {"image": [1, 1, 8, 8], "logits": [1, 4]}
    assert attempt.self_test["inputs"]["image"]["shape"] == [1, 1, 8, 8]
