import pytest

from registry.models import ModelVersion, Variant
from registry.states import VARIANT_OUTCOMES, VERSION_MOVES, VariantStatus, VersionStatus, sources_of
from registry.versions import completion
from registry.versions.completion import Attempted, TargetOutcome

READY = TargetOutcome("generic-cpu", is_open=False, attempts=(Attempted("static-int8", VariantStatus.READY, ""),))
FAILED = TargetOutcome(
    "rk3588", is_open=False, attempts=(Attempted("rknn-int8", VariantStatus.NOT_APPLICABLE, "Not built here."),)
)
OPEN = TargetOutcome("intel-n100", is_open=True)


def test_every_state_of_the_table_is_a_state_of_the_row():
    assert set(VERSION_MOVES) == set(VersionStatus)
    assert set().union(*VERSION_MOVES.values()) <= set(VersionStatus)


def test_the_rows_know_the_states_of_the_tables():
    assert {value for value, _ in ModelVersion._meta.get_field("status").choices} == set(VersionStatus)
    assert {value for value, _ in Variant._meta.get_field("status").choices} == set(VARIANT_OUTCOMES)


def test_ready_is_reached_from_building_only():
    assert sources_of("ready") == {"building"}


@pytest.mark.parametrize(
    ("targets", "outcome"),
    [
        ([READY], "ready"),
        ([READY, FAILED], "ready"),
        ([READY, OPEN], "building"),
        ([FAILED, OPEN], "building"),
        ([FAILED], "rejected"),
    ],
)
def test_building_ends_when_every_target_has(targets, outcome):
    assert completion.decide(targets)[0] == outcome


def test_a_rejection_names_target_recipe_and_reason():
    _, reason = completion.decide([FAILED])
    assert reason == "No variant could be built. rk3588: rknn-int8 not applicable: Not built here."
