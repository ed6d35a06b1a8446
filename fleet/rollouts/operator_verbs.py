"""The verbs that an operator has for a rollout. The API routes them, answers name them, and pages draw them as buttons.

Only ``fleet.states`` says when a verb applies.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from core.actors import Actor
from fleet import states
from fleet.models import Rollout
from fleet.rollouts import verbs as rollouts
from fleet.states import RolloutState, RolloutVerb


class Apply(Protocol):
    """A verb of ``fleet.rollouts.verbs``; the reason is kept in the rollout's history."""

    def __call__(self, rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
        """Act on the rollout."""
        ...


@dataclass(frozen=True, slots=True)
class OperatorVerb:
    """A verb with its words: the button's ``title``, the ``warning`` that is shown before it, ``done`` after it."""

    verb: RolloutVerb
    apply: Apply
    title: str
    done: str
    warning: str
    # How the button looks: "primary", "danger" or plain.
    tone: str = ""


_TABLE: Final = (
    OperatorVerb(
        RolloutVerb.START,
        rollouts.start,
        title="Start",
        done="Started",
        warning="The first stage begins: its devices are offered the version.",
        tone="primary",
    ),
    OperatorVerb(
        RolloutVerb.RESUME,
        rollouts.resume,
        title="Resume",
        done="Resumed",
        warning="The stage goes on, and its least duration starts again.",
        tone="primary",
    ),
    OperatorVerb(
        RolloutVerb.ADVANCE,
        rollouts.advance,
        title="Advance",
        done="Advanced",
        warning="The next stage begins now, without waiting for time or confirmations. After the last one the channel moves.",
    ),
    OperatorVerb(
        RolloutVerb.PAUSE,
        rollouts.pause,
        title="Pause",
        done="Paused",
        warning="Nobody new is offered the version. Devices that have updated stay.",
    ),
    OperatorVerb(
        RolloutVerb.ABORT,
        rollouts.abort,
        title="Abort",
        done="Aborted",
        warning="The rollout ends, and everybody goes back to the channel’s version. The version may be rolled out again.",
        tone="danger",
    ),
    OperatorVerb(
        RolloutVerb.ROLL_BACK,
        rollouts.roll_back,
        title="Roll back",
        done="Rolling back",
        warning="Every updated device goes back to its last good version, and this version is quarantined: it is never "
        "offered again.",
        tone="danger",
    ),
)
OPERATOR_VERBS: Final[Mapping[RolloutVerb, OperatorVerb]] = MappingProxyType({row.verb: row for row in _TABLE})


def list_applicable(state: RolloutState) -> list[OperatorVerb]:
    """Return what an operator may do in a state, in the order of the state table."""
    return [OPERATOR_VERBS[verb] for verb in states.verbs_of(state) if verb in OPERATOR_VERBS]
