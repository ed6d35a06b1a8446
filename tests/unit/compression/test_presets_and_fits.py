from dataclasses import replace

import pytest

from registry.compression.targets import fits, get_target, load_targets, presets

GIBIBYTE = 1 << 30
PI = get_target("raspberry-pi-4")


@pytest.mark.parametrize("target", load_targets().values(), ids=lambda target: target.name)
def test_balanced_is_the_chain_and_exact_the_recipes_that_keep_the_numbers(target):
    assert presets.chain_for(target, "balanced") == target.chain
    assert [step.recipe for step in presets.chain_for(target, "exact")] == ["as-is", "fp32-optimized"]
    assert presets.narrow(target, "exact") == replace(target, chain=presets.chain_for(target, "exact"))


def test_presets_allow_more_the_smaller_they_are_and_pruned_ones_are_not_built():
    allowed = [presets.PRESETS[name].max_accuracy_loss for name in ("exact", "balanced", "small", "tiny")]
    assert allowed == [0.0, 0.01, 0.03, 0.06]
    assert presets.list_built() == ["balanced", "exact"]
    assert presets.list_not_built() == ["small", "tiny"]


def test_a_small_model_fits():
    assert fits.find_obstacles(PI, parameter_bytes=10**6, peak_memory_bytes=10**7, opset=17, ir_version=8) == []


@pytest.mark.parametrize(
    ("weights", "peak", "words"),
    [
        (
            2 * GIBIBYTE,
            None,
            "weights take 2048 MiB; Raspberry Pi 4 has 2048 MiB of memory, 1536 MiB of them for a model",
        ),
        (10**6, 2 * GIBIBYTE, "inference takes 2048 MiB"),
    ],
)
def test_a_model_that_needs_more_memory_than_the_target_has_is_refused_with_the_figures(weights, peak, words):
    (sentence,) = fits.find_obstacles(PI, parameter_bytes=weights, peak_memory_bytes=peak)
    assert words in sentence


def test_three_quarters_of_the_memory_are_for_a_model():
    usable = PI.ram_bytes * 3 // 4
    assert fits.find_obstacles(PI, parameter_bytes=usable) == []
    assert fits.find_obstacles(PI, parameter_bytes=usable + 1) != []


def test_versions_that_the_runtime_of_the_target_does_not_know_are_named():
    found = fits.find_obstacles(get_target("jetson-nano"), parameter_bytes=1, opset=18, ir_version=9)
    assert [sentence.split(";")[0] for sentence in found] == ["Its operator set is 18", "Its format version (IR) is 9"]
