"""The order in which recipes are tried, by what is known of the calibration samples."""

import pytest

from registry.compression import chains
from registry.compression.recipes import RECIPES
from registry.compression.targets import get_target, load_targets


def check(verdict):
    return {"verdict": verdict, "warnings": ["words"]}


def names(target, **given):
    given.setdefault("check", None)
    return [step.recipe for step in chains.list_steps(get_target(target), **given)]


@pytest.mark.parametrize("known", [None, check("ok"), check("suspect")])
def test_the_chain_of_the_target_decides(known):
    assert names("generic-cpu", check=known) == get_target("generic-cpu").recipes
    assert names("generic-cpu", check=known)[0] == "mixed-int8"


@pytest.mark.parametrize("target", load_targets())
@pytest.mark.parametrize("verdict", ["unchecked", "few"])
def test_storage_goes_before_ranges_that_nobody_could_check(target, verdict):
    steps = chains.list_steps(get_target(target), check=check(verdict))
    ranged = [place for place, step in enumerate(steps) if chains.takes_ranges(step)]
    stored = [place for place, step in enumerate(steps) if step.recipe.endswith("-storage")]
    assert not ranged or not stored or min(ranged) > max(stored)
    assert sorted(step.recipe for step in steps) == sorted(get_target(target).recipes)
    assert steps[-1].recipe == "fp32-optimized"


def test_a_person_names_the_only_recipes():
    assert names("raspberry-pi-5", recipes=("fp16-storage", "mixed-int8"), check=check("few"))[0] == "fp16-storage"
    parameters = [
        step.parameters["activation_type"]
        for step in chains.list_steps(get_target("raspberry-pi-5"), recipes=("mixed-int8",), check=None)
    ]
    assert parameters == ["int8", "uint8"]
    (other,) = chains.list_steps(get_target("generic-cpu"), recipes=("dynamic-int8",), check=None)
    assert other.parameters == RECIPES["dynamic-int8"].parameters


def test_side_by_side_has_each_recipe_once_more():
    steps = names("generic-cpu", builds_all=True)
    assert set(steps) == set(RECIPES)
    assert len(steps) == len(set(steps))
    assert steps[: len(get_target("generic-cpu").recipes)] == get_target("generic-cpu").recipes


def test_too_few_samples_rule_out_ranges_with_both_numbers():
    mixed, stored = chains.list_steps(get_target("generic-cpu"), recipes=("mixed-int8", "int8-storage"), check=None)
    assert (
        chains.refuse_few(mixed, check=check("few"), samples=12)
        == "It needs 16 calibration samples and has 12; give more samples."
    )
    assert chains.refuse_few(stored, check=check("few"), samples=12) == ""
    assert chains.refuse_few(mixed, check=check("unchecked"), samples=40) == ""
    assert chains.refuse_few(mixed, check=None, samples=0) == ""
