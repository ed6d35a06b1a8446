import json
import subprocess
import sys

import pytest

from registry.compression import chains, targets
from registry.compression.recipes import NOT_BUILT_YET, RECIPES, compute_digest
from registry.compression.targets import TargetFileWrong, UnknownTarget, get_target, load_targets, read_target

PLAIN = """
title = "A"
architecture = "aarch64"
runtime = "onnxruntime"
providers = ["CPUExecutionProvider"]
latency_budget_ms = 10
ram_bytes = 1024
[[chain]]
recipe = "static-int8"
parameters = { activation_type = "int8" }
[[chain]]
recipe = "fp32-optimized"
"""


def test_the_targets_of_this_release_are_there():
    assert list(load_targets()) == [
        "android-nnapi", "apple-neural-engine", "coral-edge-tpu", "generic-cpu", "hailo-8", "intel-n100", "jetson-agx-orin",
        "jetson-nano", "jetson-orin-nano", "jetson-orin-nx", "raspberry-pi-4", "raspberry-pi-5", "rk3588", "snapdragon-npu",
        "wasm", "windows-npu",
    ]  # fmt: skip


def test_every_chain_ends_with_a_recipe_that_is_built_and_always_fits():
    assert all(target.chain[-1].recipe == "fp32-optimized" for target in load_targets().values())


def test_the_type_of_activations_belongs_to_the_target():
    def activations(name):
        step = next(step for step in get_target(name).chain if chains.takes_ranges(step))
        return step.parameters["activation_type"], step.parameters["symmetric_activations"]

    assert activations("generic-cpu") == ("uint8", False)
    assert activations("raspberry-pi-5") == ("int8", False)
    assert activations("jetson-orin-nano") == ("int8", True)


@pytest.mark.parametrize("target", load_targets().values(), ids=lambda target: target.name)
def test_every_target_tells_a_reader_its_hardware_and_where_that_is_from(target):
    facts = target.hardware
    assert "" not in (facts.cpu, facts.ram, facts.source)
    assert target.summary.endswith(".")
    assert (target.max_opset, target.max_ir_version) in {(17, 8), (21, 10), (23, 11)}
    assert target.runtime_version
    assert target.fallback == (None if target.name == "generic-cpu" else "generic-cpu")


@pytest.mark.parametrize("target", load_targets().values(), ids=lambda target: target.name)
def test_a_target_whose_converter_is_missing_says_so(target):
    converters = {"coreml-fp16", "hailo-hef", "litert-int8", "nncf-mixed", "rknn-int8"}
    assert ("does not build" in target.summary) == bool(converters & set(target.recipes))


NPUS = ("android-nnapi", "apple-neural-engine", "coral-edge-tpu", "hailo-8", "snapdragon-npu", "windows-npu")


@pytest.mark.parametrize("name", NPUS)
def test_an_npu_gets_one_shape_from_every_recipe(name):
    steps = [step for step in get_target(name).chain if step.recipe in RECIPES]
    assert all(step.parameters["fixed_shape"] for step in steps)


@pytest.mark.parametrize("target", load_targets().values(), ids=lambda target: target.name)
def test_what_computes_with_small_numbers_goes_before_what_stores_them_and_fp32_comes_last(target):
    order = [name for name in target.recipes if name in {"int8-storage", "fp16-storage", "fp32-optimized"}]
    assert order in (["int8-storage", "fp16-storage", "fp32-optimized"], ["fp16-storage", "fp32-optimized"])
    assert target.recipes.index("as-is") < target.recipes.index("fp16-storage")
    assert not {"static-int8", "fp16"} & set(target.recipes[target.recipes.index("as-is") :])


def test_targets_of_the_last_release_have_no_options_of_providers_which_old_manifests_cannot_carry():
    old = ("generic-cpu", "intel-n100", "jetson-orin-nano", "raspberry-pi-5", "rk3588")
    assert [name for name in old if get_target(name).provider_options] == []
    assert get_target("jetson-agx-orin").provider_options["TensorrtExecutionProvider"]["trt_engine_cache_enable"] == "1"


def test_an_unknown_target_is_refused_with_the_names_that_exist():
    with pytest.raises(UnknownTarget) as caught:
        get_target("toaster")
    assert "generic-cpu" in caught.value.detail


def test_parameters_that_are_not_given_come_from_the_recipe():
    step = read_target("a", PLAIN).chain[0]
    assert set(step.parameters) == set(RECIPES["static-int8"].parameters)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "A"\n', "", 'the key "title" is missing'),
        ("ram_bytes = 1024", "ram_bytes = 1024\nturbo = 1", 'the key "turbo" is not known'),
        ("ram_bytes = 1024", 'ram_bytes = "1 GB"', 'the key "ram_bytes" has a value of type str'),
        ("ram_bytes = 1024", "ram_bytes = true", 'the key "ram_bytes" has a value of type bool'),
        ("ram_bytes = 1024", "ram_bytes = 0", 'the key "ram_bytes" must be above 0'),
        ('"aarch64"', '"arm"', 'the architecture "arm" is not one of'),
        ('"fp32-optimized"', '"fp33"', 'the recipe "fp33" is not known'),
        ("activation_type", "activation", 'has no parameter "activation"'),
        (
            'activation_type = "int8"',
            "activation_type = 8",
            'the parameter "activation_type" of "static-int8" must be str',
        ),
        ("ram_bytes = 1024", "ram_bytes = 1024\nthreads = 0", 'the key "threads" must be above 0'),
        ("ram_bytes = 1024", 'ram_bytes = 1024\n[hardware]\nspeed = "fast"', 'the key "hardware.speed" is not known'),
        (
            "ram_bytes = 1024",
            'ram_bytes = 1024\n[hardware]\ncpu = "A"\nram = "1 GB"',
            'the key "hardware.source" is missing',
        ),
        (
            "ram_bytes = 1024",
            "ram_bytes = 1024\n[hardware]\ntops = [2, 1]",
            'the key "hardware.tops" is a range of two numbers',
        ),
        (
            "ram_bytes = 1024",
            "ram_bytes = 1024\n[provider_options.B]\nc = 1",
            '"B" has options, and is not one of the providers',
        ),
        ('["CPUExecutionProvider"]', "[]", "providers need at least one entry"),
        ("[[chain]]", "[[chain]", "a.toml: "),
    ],
)
def test_a_mistake_in_a_target_file_is_named_with_its_file_and_key(old, new, words):
    with pytest.raises(TargetFileWrong) as caught:
        read_target("a", PLAIN.replace(old, new))
    assert words in str(caught.value)
    assert "targets/a.toml" in str(caught.value)


def test_a_fallback_has_to_exist(tmp_path):
    (tmp_path / "a.toml").write_text('fallback = "b"\n' + PLAIN)
    with pytest.raises(TargetFileWrong, match='fallback "b"'):
        targets.read_folder(tmp_path)


def test_a_recipe_is_either_built_or_announced():
    assert not NOT_BUILT_YET & set(RECIPES)


def test_a_digest_changes_with_every_parameter_and_with_nothing_else():
    step = get_target("raspberry-pi-5").chain[0]
    same = compute_digest(step.recipe, dict(reversed(step.parameters.items())))
    assert compute_digest(step.recipe, step.parameters) == same
    assert compute_digest(step.recipe, {**step.parameters, "percentile": 99.0}) != same


def test_what_the_web_process_imports_brings_no_model_runtime_with_it():
    code = "import registry.compression.attempts, registry.compression.inspections, sys, json; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not {"onnx", "onnxruntime", "numpy", "django"} & set(json.loads(shown.stdout))
