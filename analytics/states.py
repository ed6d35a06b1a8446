"""The states of an alert, as one table. A window without enough data is no observation, and moves nothing.

nothing ── alarming ──► pending ── alarming twice in a row ──► firing ── calm twice in a row ──► resolved
                        pending ── anything else ──► forgotten
                                                    firing ── anything else ──► firing, calm windows counted anew
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from analytics.drift.statistics.severity import THRESHOLDS, Status
from console.tones import Tone

# A firing alert counts a window as calm only clearly below the threshold. Otherwise it would open and close around that value.
CALM_RATIO: Final = 0.8
CALM_BELOW: Final = CALM_RATIO * THRESHOLDS.medium


class AlertState(StrEnum):
    """Alarming once, alarming twice in a row, over."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


OPEN_STATES: Final = (AlertState.PENDING, AlertState.FIRING)
SEVERITIES: Final = [Status.MEDIUM.value, Status.HIGH.value]

# How alerts and statuses look on a page, and the words for those whose name does not read well.
TONES: Final[Mapping[str, Tone]] = {
    AlertState.PENDING: Tone.WARN,
    AlertState.FIRING: Tone.BAD,
    AlertState.RESOLVED: Tone.GOOD,
    Status.OK: Tone.GOOD,
    Status.WATCH: Tone.WARN,
    Status.MEDIUM: Tone.WARN,
    Status.HIGH: Tone.BAD,
    Status.INSUFFICIENT: Tone.UNKNOWN,
    Status.NO_BASELINE: Tone.UNKNOWN,
}
WORDS: Final[Mapping[str, str]] = {
    Status.OK: "OK",
    Status.NO_BASELINE: "no baseline",
    Status.INSUFFICIENT: "not enough data",
}


class Observation(StrEnum):
    """What one evaluation says about an alert's condition."""

    ALARMING = "alarming"
    BETWEEN = "between"
    CALM = "calm"


@dataclass(frozen=True, slots=True)
class Move:
    """Where an observation leads (None: the alert is forgotten), after how many of its kind in a row."""

    to: AlertState | None
    windows: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """The alert after one observation. ``streak`` counts observations in a row toward the next move."""

    state: AlertState | None
    streak: int


TABLE: Final[dict[tuple[AlertState | None, Observation], Move]] = {
    (None, Observation.ALARMING): Move(AlertState.PENDING),
    (None, Observation.BETWEEN): Move(None),
    (None, Observation.CALM): Move(None),
    (AlertState.PENDING, Observation.ALARMING): Move(AlertState.FIRING, windows=2),
    (AlertState.PENDING, Observation.BETWEEN): Move(None),
    (AlertState.PENDING, Observation.CALM): Move(None),
    (AlertState.FIRING, Observation.ALARMING): Move(AlertState.FIRING),
    (AlertState.FIRING, Observation.BETWEEN): Move(AlertState.FIRING),
    (AlertState.FIRING, Observation.CALM): Move(AlertState.RESOLVED, windows=2),
}


def observe(status: Status, *, psi_adjusted: float | None) -> Observation | None:
    """Say what a judged comparison means for an alert; None where there was too little data to say."""
    if psi_adjusted is None or status in {Status.INSUFFICIENT, Status.NO_BASELINE}:
        return None
    if status.is_alarm:
        return Observation.ALARMING
    return Observation.CALM if psi_adjusted < CALM_BELOW else Observation.BETWEEN


def step(state: AlertState | None, *, streak: int, observation: Observation) -> Step:
    """Return the alert after one more observation of an open alert, or of none.

    A new alert has a streak of 1: the window that raised it counts as the first of the two.
    """
    move = TABLE[state, observation]
    if move.to is AlertState.PENDING:
        return Step(move.to, 1)
    if move.to == state or streak + 1 >= move.windows:
        return Step(move.to, 0)
    return Step(state, streak + 1)
