import pytest

from fleet import states
from fleet.states import DeploymentState, RolloutState, can_move, find_next

OVER = [RolloutState.COMPLETED, RolloutState.ROLLED_BACK, RolloutState.ABORTED]


def test_an_attempt_may_skip_forward_but_never_goes_back():
    assert can_move(DeploymentState.OFFERED, DeploymentState.CONFIRMED)
    assert not can_move(DeploymentState.VERIFIED, DeploymentState.DOWNLOADING)
    assert not can_move(DeploymentState.VERIFIED, DeploymentState.VERIFIED)


@pytest.mark.parametrize("state", [DeploymentState.FAILED, DeploymentState.ROLLED_BACK, DeploymentState.SUPERSEDED])
def test_what_has_failed_or_was_superseded_stays_so(state):
    assert not any(can_move(state, other) for other in DeploymentState)


@pytest.mark.parametrize("state", states.PRESUMED)
def test_a_device_overrules_what_was_presumed_of_it(state):
    assert can_move(state, DeploymentState.CONFIRMED)
    assert can_move(state, DeploymentState.FAILED)


def test_a_confirmed_device_may_still_fall_back():
    assert can_move(DeploymentState.CONFIRMED, DeploymentState.ROLLED_BACK)
    assert not can_move(DeploymentState.CONFIRMED, DeploymentState.TIMED_OUT)


@pytest.mark.parametrize("state", OVER)
def test_a_rollout_that_is_over_knows_no_verb(state):
    assert states.verbs_of(state) == ()


def test_pausing_twice_does_not_apply():
    assert find_next(RolloutState.RUNNING, "pause") is RolloutState.PAUSED
    assert find_next(RolloutState.PAUSED, "pause") is None


def test_every_rollout_can_be_ended():
    for state in set(RolloutState) - set(OVER) - {RolloutState.ROLLING_BACK}:
        assert find_next(state, "abort") is RolloutState.ABORTED
