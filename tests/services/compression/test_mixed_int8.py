from dataclasses import replace
from pathlib import Path

import msgspec
import onnx
import pytest

from registry.compression.attempts import build_attempts
from registry.compression.inspections import inspect_model
from registry.compression.recipes import RECIPES, resolve_parameters
from registry.compression.targets import ChainStep, get_target
from tests.unit.compression import graphs

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"


def attempt(folder, recipe, *, model=None, calibration=None, **parameters):
    source = model or DIGITS / "digits-2.0.0.onnx"
    samples = calibration or DIGITS / "calibration.npz"
    found, cleaned = inspect_model(source, scratch=folder, calibration=samples, limits=graphs.LIMITS)
    # The recipe itself is under test, not what the check of the samples allows.
    inspection = msgspec.structs.replace(found, calibration_check=None)
    step = ChainStep(recipe=recipe, parameters=resolve_parameters(RECIPES[recipe], parameters))
    target = replace(get_target("raspberry-pi-5"), chain=(step,))
    (made,) = build_attempts(
        cleaned, target, inspection=inspection, calibration=samples, scratch=folder, limits=graphs.LIMITS
    )
    return made


@pytest.mark.parametrize("activation_type", ["uint8", "int8"])
def test_digits_become_small_and_decide_as_before(tmp_path, activation_type):
    made = attempt(tmp_path, "mixed-int8", activation_type=activation_type)
    assert (made.status, made.reason) == ("ready", "")
    assert made.measurements["size_ratio"] > 3.5
    assert made.measurements["sqnr_db"] > 35
    assert made.measurements["accuracy_before"] - made.measurements["accuracy_after"] <= 0.006
    graph = onnx.load(made.artifact).graph
    (kind,) = {
        onnx.numpy_helper.to_array(tensor).dtype.name
        for node in graph.node
        if node.op_type == "QuantizeLinear"
        for tensor in graph.initializer
        if tensor.name == node.input[2]
    }
    assert kind == activation_type


def test_static_int8_has_more_noise_than_mixed_on_the_same_samples(tmp_path):
    static, mixed = (attempt(tmp_path, name) for name in ("static-int8", "mixed-int8"))
    assert mixed.measurements["sqnr_db"] >= static.measurements["sqnr_db"] + 2


def test_few_samples_are_not_enough_to_choose_and_the_reason_has_the_numbers(tmp_path):
    source = graphs.save(graphs.small_cnn(channels=16), tmp_path / "m.onnx")
    samples = graphs.save_samples(tmp_path / "c.npz", count=8)
    made = attempt(tmp_path, "mixed-int8", model=source, calibration=samples)
    assert made.status == "not_applicable"
    assert "needs 8 inferences' worth of samples" in made.reason
    assert "has 4" in made.reason


def test_a_classifier_of_matrix_products_is_built_dynamically_and_in_int4_without_samples(tmp_path):
    from bench import transformer

    source = transformer.save_transformer(tmp_path / "t.onnx", layers=1, width=128)
    inspection, cleaned = inspect_model(source, scratch=tmp_path, limits=graphs.LIMITS)
    for recipe, ratio in (("dynamic-int8", 2.4), ("weight-only-int4", 2.6)):
        step = ChainStep(recipe=recipe, parameters=dict(RECIPES[recipe].parameters))
        target = replace(get_target("raspberry-pi-5"), chain=(step,))
        (made,) = build_attempts(
            cleaned, target, inspection=inspection, calibration=None, scratch=tmp_path, limits=graphs.LIMITS
        )
        assert made.measurements["size_ratio"] > ratio
        assert made.measurements["is_finite"]
