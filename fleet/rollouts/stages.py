"""Stages of a rollout: which stages may be posted, and when the next one is due."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, Final, Self

from core.errors import Invalid
from core.formats.durations import format_duration

MAX_STAGES: Final = 20


class InvalidStages(Invalid):
    """The stages of a rollout break a rule."""

    code: ClassVar[str] = "invalid_stages"


@dataclass(frozen=True, slots=True)
class Stage:
    """``percent`` of the selected devices, for at least the given time, until enough of them have confirmed."""

    percent: float
    min_duration_seconds: int = 0
    min_confirmed: int = 1
    min_devices: int = 1

    @classmethod
    def read(cls, stored: Mapping[str, float]) -> Self:
        """Read it as a rollout keeps it."""
        return cls(
            percent=stored["percent"],
            min_duration_seconds=int(stored["min_duration_seconds"]),
            min_confirmed=int(stored["min_confirmed"]),
            min_devices=int(stored["min_devices"]),
        )

    def as_stored(self) -> dict[str, float]:
        """Return it as a rollout keeps it."""
        return asdict(self)


class Step(Enum):
    """The step that is due on a running rollout."""

    HOLD = "hold"
    ADVANCE = "advance"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many devices of the current stage are covered, confirmed and unreachable.

    ``covered`` counts devices that a variant fits. ``unreachable`` of them have been silent since their offer, or never came
    for the offer; the stage does not wait for them.
    """

    covered: int
    confirmed: int
    unreachable: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step and why."""

    step: Step
    reason: str


def read_all(stored: Sequence[Mapping[str, float]]) -> tuple[Stage, ...]:
    """Read the stages as a rollout keeps them."""
    return tuple(Stage.read(row) for row in stored)


def check_stages(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the stages unchanged.

    Raises:
        InvalidStages: None or more than 20, a percentage outside (0, 100], percentages that do not rise, or a last stage
            that is not 100 percent: completion moves the channel, and all its devices with it.
    """
    if not 1 <= len(stages) <= MAX_STAGES:
        raise InvalidStages.field("stages", f"must be 1 to {MAX_STAGES} stages.")
    before = 0.0
    for place, stage in enumerate(stages):
        if not before < stage.percent <= 100:
            raise InvalidStages.field(f"stages.{place}.percent", f"must be above {before:g} and at most 100.")
        before = stage.percent
    if before != 100:
        raise InvalidStages.field("stages", "must end with 100 percent.")
    return tuple(stages)


def count_needed(stage: Stage, *, evidence: Evidence) -> int:
    """Return how many devices must have confirmed: ``min_confirmed``, capped at the devices covered and reachable.

    If any device is covered, at least one must have confirmed: a silent fleet promotes nothing.
    """
    capped = min(stage.min_confirmed, evidence.covered - evidence.unreachable)
    return max(capped, min(1, stage.min_confirmed, evidence.covered))


def decide_step(
    stages: Sequence[Stage], *, index: int, started_at: datetime, now: datetime, evidence: Evidence
) -> Verdict:
    """Decide whether a stage is over: its least duration has passed, and enough devices have confirmed."""
    stage = stages[index]
    needed = count_needed(stage, evidence=evidence)
    if evidence.confirmed < needed:
        return Verdict(Step.HOLD, f"{evidence.confirmed} of {needed} needed devices have confirmed")
    remaining = started_at + timedelta(seconds=stage.min_duration_seconds) - now
    if remaining > timedelta(0):
        return Verdict(Step.HOLD, f"{format_duration(remaining)} of its least duration remain")
    asked = f"{needed} {'was' if needed == 1 else 'were'} needed"
    reason = f"{evidence.confirmed} of {evidence.covered} covered devices have confirmed, {asked}"
    return Verdict(Step.COMPLETE if index == len(stages) - 1 else Step.ADVANCE, reason)
