import pytest

from registry.models import VersionStatus
from registry.versions.states import VERSION_MOVES, TargetOutcome, decide_outcome, sources_of

READY = TargetOutcome("generic-cpu", is_open=False, attempts=(("static-int8", "ready", ""),))
FAILED = TargetOutcome("rk3588", is_open=False, attempts=(("rknn-int8", "not_applicable", "Not built here."),))
OPEN = TargetOutcome("intel-n100", is_open=True)


def test_every_state_of_the_table_is_a_state_of_the_row():
    assert set(VERSION_MOVES) == set(VersionStatus.values)
    assert set().union(*VERSION_MOVES.values()) <= set(VersionStatus.values)


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
    assert decide_outcome(targets)[0] == outcome


def test_a_rejection_names_target_recipe_and_reason():
    _, reason = decide_outcome([FAILED])
    assert reason == "No variant could be built. rk3588: rknn-int8 not applicable: Not built here."
