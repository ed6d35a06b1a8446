import pytest

from analytics.drift.statistics.severity import Status
from analytics.states import OPEN_STATES, TABLE, AlertState, Observation, observe, step

ALARMING, BETWEEN, CALM = Observation.ALARMING, Observation.BETWEEN, Observation.CALM


def after(*observations, state=None, streak=0):
    for observation in observations:
        found = step(state, streak=streak, observation=observation)
        state, streak = found.state, found.streak
    return state


@pytest.mark.parametrize(
    ("observations", "state"),
    [
        ([ALARMING], "pending"),
        ([ALARMING, ALARMING], "firing"),
        ([ALARMING, BETWEEN], None),
        ([ALARMING, CALM, ALARMING], "pending"),
        ([ALARMING, ALARMING, CALM], "firing"),
        ([ALARMING, ALARMING, CALM, CALM], "resolved"),
        ([ALARMING, ALARMING, CALM, BETWEEN, CALM], "firing"),
        ([ALARMING, ALARMING, CALM, ALARMING, CALM, CALM], "resolved"),
        ([ALARMING, ALARMING, BETWEEN, BETWEEN, BETWEEN], "firing"),
        ([CALM, BETWEEN, CALM], None),
    ],
)
def test_an_alert_fires_and_resolves_after_two_windows_in_a_row(observations, state):
    assert after(*observations) == state


def test_every_open_state_answers_every_observation_and_resolved_is_the_end():
    assert {state for state, _ in TABLE} == {None, *OPEN_STATES}
    assert len(TABLE) == len(OPEN_STATES) * len(Observation) + len(Observation)
    assert AlertState.RESOLVED not in {state for state, _ in TABLE}


@pytest.mark.parametrize(
    ("status", "psi_adjusted", "observation"),
    [
        ("high", 0.5, "alarming"),
        ("medium", 0.3, "alarming"),
        ("watch", 0.3, "between"),
        ("watch", 0.161, "between"),
        ("watch", 0.159, "calm"),
        ("ok", 0.0, "calm"),
        ("insufficient", 0.9, None),
        ("insufficient", None, None),
        ("no_baseline", None, None),
    ],
)
def test_what_a_status_means_for_an_alert(status, psi_adjusted, observation):
    assert observe(Status(status), psi_adjusted=psi_adjusted) == observation
