"""What apps register with the console: the tones of their states, and their sections."""

import pytest

from analytics.drift.statistics.severity import Status
from analytics.states import AlertState
from console import navigation, tones
from console.tones import Tone, ToneIsTaken
from fleet.states import DeploymentState, DeviceState, RolloutState
from registry.states import VariantStatus, VersionStatus

QUIET = {"draft", "queued", "aborted", "superseded", "retired", "not_applicable"}


@pytest.mark.parametrize(
    "state",
    [*VersionStatus, *VariantStatus, *DeviceState, *DeploymentState, *RolloutState, *AlertState, *Status],
)
def test_every_state_has_a_look_that_somebody_chose(state):
    assert (tones.tone_of(state) is Tone.QUIET) == (state in QUIET)


def test_one_word_never_has_two_looks():
    with pytest.raises(ToneIsTaken, match="ready"):
        tones.register({"ready": Tone.BAD})
    assert tones.tone_of("ready") is Tone.GOOD


def test_the_sections_stand_in_their_order_and_lead_somewhere():
    assert [section.title for section in navigation.list_sections()] == [
        "Fleet",
        "Models",
        "Rollouts",
        "Drift",
        "Alerts",
    ]
    assert len({section.url for section in navigation.list_sections()}) == 5


def test_every_page_that_a_section_claims_exists():
    from django.urls import get_resolver

    names = set(get_resolver().reverse_dict)
    for section in navigation.list_sections():
        assert {section.page, *section.pages} <= names
