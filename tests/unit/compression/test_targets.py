import json
import subprocess
import sys

import pytest

from registry.compression import targets
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


def test_the_five_targets_of_this_release_are_there():
    assert list(load_targets()) == ["generic-cpu", "intel-n100", "jetson-orin-nano", "raspberry-pi-5", "rk3588"]


def test_every_chain_ends_with_a_recipe_that_is_built_and_always_fits():
    assert all(target.chain[-1].recipe == "fp32-optimized" for target in load_targets().values())


def test_the_type_of_activations_belongs_to_the_target():
    def activations(name):
        step = next(step for step in get_target(name).chain if step.recipe == "static-int8")
        return step.parameters["activation_type"], step.parameters["symmetric_activations"]

    assert activations("generic-cpu") == ("uint8", False)
    assert activations("raspberry-pi-5") == ("int8", False)
    assert activations("jetson-orin-nano") == ("int8", True)


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
