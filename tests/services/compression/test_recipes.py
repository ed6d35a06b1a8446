"""Each recipe on a small model, through the real child."""

from dataclasses import replace

import onnx
import pytest

from registry.compression import runtime
from registry.compression.attempts import build_attempts
from registry.compression.inspections import inspect_model
from registry.compression.recipes import RECIPES, resolve_parameters
from registry.compression.targets import ChainStep, get_target
from tests.unit.compression import graphs


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
