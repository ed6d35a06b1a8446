from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rollouts.stages import Evidence, InvalidStages, Stage, Step, check_stages, count_needed, decide_step

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
TEN_MINUTES = Stage(percent=5, min_duration_seconds=600, min_confirmed=2)
LAST = Stage(percent=100)


def decide(*, minutes: float, confirmed: int, covered: int, index: int = 0, unreachable: int = 0):
    evidence = Evidence(covered=covered, confirmed=confirmed, unreachable=unreachable)
    now = START + timedelta(minutes=minutes)
    return decide_step((TEN_MINUTES, LAST), index=index, started_at=START, now=now, evidence=evidence)


def test_a_stage_waits_for_its_least_duration():
    verdict = decide(minutes=9, confirmed=5, covered=5)
    assert (verdict.step, verdict.reason) == (Step.HOLD, "1m of its least duration remain")


def test_a_stage_waits_for_enough_confirmed_devices():
    verdict = decide(minutes=60, confirmed=1, covered=5)
    assert (verdict.step, verdict.reason) == (Step.HOLD, "1 of 2 needed devices have confirmed")


def test_a_stage_that_is_over_goes_on():
    assert decide(minutes=10, confirmed=2, covered=5).step is Step.ADVANCE


def test_the_last_stage_completes():
    assert decide(minutes=0, confirmed=1, covered=5, index=1).step is Step.COMPLETE


def test_min_confirmed_is_capped_at_the_devices_covered():
    assert decide(minutes=10, confirmed=1, covered=1).step is Step.ADVANCE


def test_an_unreachable_device_leaves_the_denominator():
    assert decide(minutes=10, confirmed=1, covered=2, unreachable=1).step is Step.ADVANCE


def test_a_silent_fleet_promotes_nothing():
    assert decide(minutes=10_000, confirmed=0, covered=3, unreachable=3).step is Step.HOLD


def test_a_stage_that_covers_nobody_passes_with_its_time():
    assert decide(minutes=10, confirmed=0, covered=0).step is Step.ADVANCE


def test_a_stage_that_asks_for_no_confirmation_passes_with_its_time():
    assert count_needed(Stage(percent=5, min_confirmed=0), evidence=Evidence(covered=3, confirmed=0)) == 0


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_what_is_needed_is_never_beyond_reach(wanted, covered, unreachable):
    evidence = Evidence(covered=covered, confirmed=0, unreachable=min(unreachable, covered))
    needed = count_needed(Stage(percent=5, min_confirmed=wanted), evidence=evidence)
    assert 0 <= needed <= min(wanted, covered)


@pytest.mark.parametrize(
    ("percents", "field"),
    [
        ([], "stages"),
        ([50], "stages"),
        ([5, 100, 100], "stages.2.percent"),
        ([25, 5, 100], "stages.1.percent"),
        ([0, 100], "stages.0.percent"),
        ([101], "stages.0.percent"),
        ([float("nan"), 100], "stages.0.percent"),
        ([float(number + 1) for number in range(20)] + [100], "stages"),
    ],
)
def test_stages_that_break_a_rule_are_refused_by_field(percents, field):
    with pytest.raises(InvalidStages) as caught:
        check_stages([Stage(percent=percent) for percent in percents])
    assert caught.value.extra["errors"][0]["field"] == field


def test_stages_that_rise_to_a_hundred_are_taken():
    assert len(check_stages([Stage(percent=5), Stage(percent=25), Stage(percent=100)])) == 3
