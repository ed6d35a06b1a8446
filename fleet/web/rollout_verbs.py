"""What an operator may do with a rollout, and what the console says before it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fleet.models import Rollout
from fleet.rollouts import verbs as rollouts


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb as a button; ``warning`` is what its confirmation says, ``done`` what is said after it."""

    name: str
    title: str
    done: str
    apply: Callable[..., Rollout]
    warning: str
    tone: str = ""


_VERBS = (
    Verb(
        "start",
        "Start",
        "Started",
        rollouts.start,
        "The first stage begins: its devices are offered the version.",
        "primary",
    ),
    Verb(
        "resume",
        "Resume",
        "Resumed",
        rollouts.resume,
        "The stage goes on, and its least duration begins anew.",
        "primary",
    ),
    Verb(
        "advance",
        "Advance",
        "Advanced",
        rollouts.advance,
        "The next stage begins now, without waiting for time or confirmations. After the last one the channel moves.",
    ),
    Verb(
        "pause",
        "Pause",
        "Paused",
        rollouts.pause,
        "Nobody new is offered the version. Devices that have updated stay.",
    ),
    Verb(
        "abort",
        "Abort",
        "Aborted",
        rollouts.abort,
        "The rollout ends, and everybody goes back to the channel’s version. The version may be rolled out again.",
        "danger",
    ),
    Verb(
        "roll_back",
        "Roll back",
        "Rolling back",
        rollouts.roll_back,
        "Every updated device goes back to its last good version, and this version is quarantined: it is never "
        "offered again.",
        "danger",
    ),
)
VERBS: Final[Mapping[str, Verb]] = MappingProxyType({verb.name: verb for verb in _VERBS})
