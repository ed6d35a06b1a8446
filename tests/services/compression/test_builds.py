import base64
import json
from dataclasses import replace

import msgspec
import numpy as np
import onnx
import pytest

from registry.compression import runtime
from registry.compression.attempts import Judging, build_attempts
from registry.compression.child_tasks.messages import Inspection
from registry.compression.inspections import inspect_model
from registry.compression.recipes import RECIPES, resolve_parameters
from registry.compression.targets import ChainStep, get_target
from tests.unit.compression import graphs


def without_check(inspection):
    """Let the chain of the target decide the order: what the check of the samples changes is tested elsewhere."""
    return msgspec.structs.replace(inspection, calibration_check=None)


def build(folder, target="generic-cpu", *, model=None, with_samples=True, changes=None, limits=graphs.LIMITS):
    source = graphs.save(model or graphs.small_cnn(channels=16), folder / "source.onnx")
    calibration = graphs.save_samples(folder / "c.npz") if with_samples else None
    inspection = without_check(inspect_model(source, scratch=folder, calibration=calibration, limits=graphs.LIMITS)[0])
    hardware = replace(get_target(target), **(changes or {}))
    return inspection, build_attempts(
        source, hardware, inspection=inspection, calibration=calibration, scratch=folder, limits=limits
    )


def decode(body):
    return np.frombuffer(base64.b64decode(body["data"]), dtype=body["dtype"]).reshape(body["shape"])


def static_int8(activation_type="uint8", *, symmetric=False):
    given = {"activation_type": activation_type, "symmetric_activations": symmetric}
    return ChainStep(recipe="static-int8", parameters=resolve_parameters(RECIPES["static-int8"], given))


STATIC = {
    "generic-cpu": static_int8("uint8"),
    "raspberry-pi-5": static_int8("int8"),
    "jetson-orin-nano": static_int8("int8", symmetric=True),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The same model for three targets, with the activations that each takes."""
    return {
        name: build(tmp_path_factory.mktemp(name), name, changes={"chain": (step,)})[1] for name, step in STATIC.items()
    }


def test_an_inspection_says_what_the_model_is_and_survives_being_kept_as_json(tmp_path):
    inspection, _ = build(tmp_path, with_samples=True)
    assert inspection.inputs == [{"name": "image", "dtype": "float32", "shape": ["N", 1, 8, 8]}]
    assert inspection.outputs == [{"name": "logits", "dtype": "float32", "shape": ["N", 4]}]
    assert inspection.operators == {"Conv": 1, "Flatten": 1, "Gemm": 1, "Relu": 1}
    assert inspection.calibration == {"samples": 64, "held_out": 32, "has_labels": True, "classes": 4}
    kept = json.loads(json.dumps(inspection.to_json()))
    assert Inspection.from_json(kept) == inspection


def test_a_trained_cnn_becomes_a_smaller_int8_variant_that_decides_the_same(built):
    ready = built["generic-cpu"][-1]
    assert (ready.recipe, ready.status, ready.reason) == ("static-int8", "ready", "")
    assert ready.measurements["agreement"] == 1.0
    assert ready.measurements["accuracy_before"] == ready.measurements["accuracy_after"] == 1.0
    assert ready.measurements["sqnr_db"] > 20
    assert ready.measurements["size_ratio"] > 1.5
    wanted = {"latency_p50_ms", "latency_p95_ms", "source_latency_p50_ms", "peak_memory_bytes", "seconds"}
    assert wanted <= set(ready.measurements)
    assert "ONNX Runtime" in ready.measured_on


def test_targets_get_different_bytes(built):
    assert len({attempts[-1].artifact.read_bytes() for attempts in built.values()}) == 3


def test_each_recipe_that_was_passed_over_says_why(tmp_path):
    _, (passed_over, *_) = build(tmp_path, "rk3588")
    assert (passed_over.recipe, passed_over.status) == ("rknn-int8", "not_applicable")
    assert passed_over.reason == 'The recipe "rknn-int8" is not built in this release.'


def test_activations_have_the_type_and_symmetry_that_the_target_wants(built):
    def zero_points(name):
        graph = onnx.load(built[name][-1].artifact).graph
        stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        return [stored[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]

    assert {point.dtype.name for point in zero_points("generic-cpu")} == {"uint8"}
    assert {point.dtype.name for point in zero_points("raspberry-pi-5")} == {"int8"}
    assert zero_points("jetson-orin-nano")
    assert all((point == 0).all() for point in zero_points("jetson-orin-nano"))


def test_the_self_test_is_what_the_variant_itself_gives(built):
    ready = built["raspberry-pi-5"][-1]
    golden = ready.self_test
    session = runtime.open_session(ready.artifact.read_bytes())
    got = session.run(None, {name: decode(body) for name, body in golden["inputs"].items()})[0]
    want = decode(golden["outputs"]["logits"])
    assert want.shape == (4, 4)
    assert np.allclose(got, want, rtol=golden["relative_tolerance"], atol=golden["absolute_tolerance"])
    assert not np.allclose(got + 1.0, want, rtol=golden["relative_tolerance"], atol=golden["absolute_tolerance"])
    assert golden["latency_budget_ms"] == get_target("raspberry-pi-5").latency_budget_ms


def test_the_runtime_of_a_variant_is_that_of_its_target(built):
    assert built["jetson-orin-nano"][-1].runtime["providers"][0] == "TensorrtExecutionProvider"


def test_the_same_source_and_recipe_give_the_same_bytes_and_digest(tmp_path, built):
    _, again = build(tmp_path, "generic-cpu", changes={"chain": (STATIC["generic-cpu"],)})
    assert again[-1].artifact.read_bytes() == built["generic-cpu"][-1].artifact.read_bytes()
    assert again[-1].recipe_digest == built["generic-cpu"][-1].recipe_digest


def test_without_samples_nothing_is_invented_and_the_weights_are_stored_small(tmp_path):
    _, attempts = build(tmp_path, with_samples=False)
    assert [(attempt.recipe, attempt.status) for attempt in attempts] == [
        ("mixed-int8", "not_applicable"),
        ("as-is", "not_applicable"),
        ("int8-storage", "ready"),
    ]
    assert attempts[0].reason == "No calibration samples were given."
    assert attempts[-1].measurements["parity_on"] == "random"
    assert attempts[-1].measurements["accuracy_before"] is None


def almost_equal_classes():
    """A model that decides by differences smaller than a step of INT8."""
    model = graphs.small_cnn(channels=16)
    almost_equal = 1.0 + np.random.default_rng(3).normal(scale=1e-4, size=(1024, 4))
    model.graph.initializer[2].CopyFrom(graphs.constant("head", almost_equal.astype(np.float32)))
    return model


def test_a_variant_that_decides_otherwise_is_rejected_with_its_numbers_and_the_next_takes_its_place(tmp_path):
    chain = (STATIC["generic-cpu"], *get_target("generic-cpu").chain)
    _, attempts = build(tmp_path, model=almost_equal_classes(), changes={"chain": chain})
    statuses = {attempt.recipe: attempt.status for attempt in attempts}
    assert statuses["static-int8"] == "rejected"
    assert statuses[attempts[-1].recipe] == "ready"
    assert "at least 97% is wanted" in attempts[0].reason
    assert attempts[0].artifact.is_file()


def test_a_model_that_cannot_fit_the_memory_of_a_target_is_refused_with_the_figures(tmp_path):
    _, attempts = build(tmp_path, with_samples=False, changes={"ram_bytes": 4096})
    assert {attempt.status for attempt in attempts} == {"not_applicable"}
    assert "MiB of memory" in attempts[-1].reason
    _, attempts = build(tmp_path, with_samples=False, changes={"ram_bytes": 100_000})
    assert {attempt.status for attempt in attempts} <= {"not_applicable", "rejected"}
    assert "inference takes" in attempts[-1].reason


def test_a_size_budget_that_is_missed_rejects_every_attempt_with_both_numbers(tmp_path):
    _, attempts = build(tmp_path, changes={"max_size_bytes": 100})
    tried = [attempt for attempt in attempts if attempt.status != "not_applicable"]
    assert {attempt.status for attempt in tried} == {"rejected"}
    assert [attempt.recipe for attempt in tried] == [
        "mixed-int8",
        "int8-storage",
        "fp16-storage",
        "fp32-optimized",
    ]
    assert "at most 100 are allowed (the target's limit)" in tried[0].reason


def fp32_only(name="generic-cpu"):
    return {"chain": get_target(name).chain[-1:]}


def test_fp32_at_level_extended_uses_only_portable_operators(tmp_path):
    _, attempts = build(tmp_path, with_samples=False, changes=fp32_only())
    graph = onnx.load(attempts[-1].artifact).graph
    assert {node.domain for node in graph.node} <= {"", "com.microsoft"}
    assert "FusedConv" in {node.op_type for node in graph.node}


def test_what_the_recipe_optimized_passes_the_intake_again(tmp_path):
    _, attempts = build(tmp_path, with_samples=False, changes=fp32_only())
    inspection, _ = inspect_model(attempts[-1].artifact, scratch=tmp_path, limits=graphs.LIMITS)
    assert inspection.outputs[0]["name"] == "logits"


def test_a_recipe_that_crosses_a_limit_has_failed_and_the_reason_names_the_limit(tmp_path):
    _, attempts = build(tmp_path, limits=replace(graphs.LIMITS, memory_bytes=1 << 27))
    tried = [attempt for attempt in attempts if attempt.status != "not_applicable"]
    assert {attempt.status for attempt in tried} == {"failed"}
    assert "128 MiB" in tried[0].reason


@pytest.mark.parametrize(
    ("model", "reason"),
    [(graphs.identity(), "no convolution or matrix multiplication"), (graphs.small_cnn(opset=11), "")],
)
def test_int8_is_not_applicable_where_there_is_nothing_to_quantize(tmp_path, model, reason):
    source = graphs.save(model, tmp_path / "m.onnx")
    name = model.graph.input[0].name
    images = graphs.quadrant_images(16)[0]
    np.savez(tmp_path / "c.npz", **{name: images if name == "image" else images.reshape(16, -1)[:, :2]})
    inspection, cleaned = inspect_model(source, scratch=tmp_path, calibration=tmp_path / "c.npz", limits=graphs.LIMITS)
    target = replace(get_target("generic-cpu"), chain=(STATIC["generic-cpu"], ChainStep(recipe="fp16")))
    attempts = build_attempts(
        cleaned,
        target,
        inspection=without_check(inspection),
        calibration=tmp_path / "c.npz",
        scratch=tmp_path,
        limits=graphs.LIMITS,
    )
    if reason:
        assert attempts[0].status == "not_applicable"
        assert reason in attempts[0].reason
    else:
        assert attempts[0].status == "ready", attempts[0].reason


def test_a_model_of_fixed_batch_and_two_inputs_is_built_too(tmp_path):
    model = graphs.make(
        [
            onnx.helper.make_node("Conv", ["image", "kernel"], ["a"], pads=[1, 1, 1, 1]),
            onnx.helper.make_node("GlobalAveragePool", ["a"], ["b"]),
            onnx.helper.make_node("Flatten", ["b"], ["c"]),
            onnx.helper.make_node("Mul", ["c", "gain"], ["logits"]),
        ],
        inputs=[graphs.value("image", [1, 1, 8, 8]), graphs.value("gain", [1, 1])],
        outputs=[graphs.value("logits", [1, 32])],
        initializers=[
            graphs.constant("kernel", np.random.default_rng(0).normal(size=(32, 1, 3, 3)).astype(np.float32))
        ],
    )
    source = graphs.save(model, tmp_path / "m.onnx")
    images = graphs.quadrant_images(40)[0]
    np.savez(tmp_path / "c.npz", image=images, gain=np.ones((40, 1), np.float32))
    inspection, _ = inspect_model(source, scratch=tmp_path, calibration=tmp_path / "c.npz", limits=graphs.LIMITS)
    target = get_target("raspberry-pi-5")
    attempts = build_attempts(
        source, target, inspection=inspection, calibration=tmp_path / "c.npz", scratch=tmp_path, limits=graphs.LIMITS
    )
    assert attempts[-1].status == "ready", [attempt.reason for attempt in attempts]
    assert attempts[-1].self_test["inputs"]["image"]["shape"] == [1, 1, 8, 8]


def test_an_upload_that_the_runtime_does_not_run_itself_is_judged_by_its_cleaned_copy(tmp_path):
    model = graphs.small_cnn()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 0
    source = graphs.save(model, tmp_path / "m.onnx")
    inspection, cleaned = inspect_model(source, scratch=tmp_path, limits=graphs.LIMITS)
    assert not inspection.can_measure_upload
    target = replace(
        get_target("generic-cpu"), chain=(ChainStep(recipe="fp32-optimized", parameters={"level": "basic"}),)
    )
    (attempt,) = build_attempts(
        cleaned,
        target,
        inspection=inspection,
        calibration=None,
        scratch=tmp_path,
        limits=graphs.LIMITS,
        judging=Judging(upload=source),
    )
    assert attempt.status == "ready", attempt.reason
