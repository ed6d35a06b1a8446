"""The states of keys, devices, deployments and rollouts, and every move between them.

``docs/state-machines.md`` is drawn from the two tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from console.tones import Tone


class EnrollmentMode(StrEnum):
    """Whether a key lets devices in at once, or lets a person decide."""

    ACCEPT = "accept"
    REVIEW = "review"


class KeyState(StrEnum):
    """Whether an enrollment key lets devices in, and why not."""

    OPEN = "open"
    EXPIRED = "expired"
    USED_UP = "used_up"
    REVOKED = "revoked"


class DeviceState(StrEnum):
    """A device waits for a person, is in the fleet, or is revoked."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"


class DeploymentState(StrEnum):
    """Where one device's attempt at one variant stands. Success is *confirmed*, nothing less."""

    OFFERED = "offered"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    SELF_TESTED = "self_tested"
    ACTIVATED = "activated"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    SUPERSEDED = "superseded"


class RolloutState(StrEnum):
    """Where a rollout stands."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


class RolloutVerb(StrEnum):
    """Something that a person or the beat does with a rollout."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    ADVANCE = "advance"
    ABORT = "abort"
    ROLL_BACK = "roll_back"
    # These two come from the beat alone.
    COMPLETE = "complete"
    FINISH_ROLL_BACK = "finish_roll_back"

    @property
    def slug(self) -> str:
        """The verb as addresses and answers of the API write it."""
        return self.value.replace("_", "-")


_D, _R, _V = DeploymentState, RolloutState, RolloutVerb

# In the order in which an attempt passes them. A report may be lost, so an attempt may skip forward. It never goes back.
PROGRESS: Final = (_D.OFFERED, _D.DOWNLOADING, _D.VERIFIED, _D.SELF_TESTED, _D.ACTIVATED, _D.CONFIRMED)
OPEN_DEPLOYMENT_STATES: Final = PROGRESS[:-1]
REPORTABLE: Final = frozenset({*PROGRESS[1:], _D.FAILED, _D.ROLLED_BACK})
# The server presumes these states of a silent device. A later report of the device overrules them.
PRESUMED: Final = (_D.TIMED_OUT, _D.UNREACHABLE)
# The device runs the model of this attempt.
UPDATED_DEPLOYMENT_STATES: Final = (_D.ACTIVATED, _D.CONFIRMED)
UNSUCCESSFUL: Final = (_D.FAILED, _D.ROLLED_BACK)
# What operators count as failing: the device said that it failed, or was not heard of in time.
FAILING: Final = (*UNSUCCESSFUL, _D.TIMED_OUT)

# How each state looks on a page; a state that is left out is quiet.
TONES: Final[Mapping[str, Tone]] = {
    **dict.fromkeys(OPEN_DEPLOYMENT_STATES, Tone.BUSY),
    _D.CONFIRMED: Tone.GOOD,
    _D.FAILED: Tone.BAD,
    _D.ROLLED_BACK: Tone.BAD,
    _D.TIMED_OUT: Tone.WARN,
    _D.UNREACHABLE: Tone.WARN,
    _R.RUNNING: Tone.BUSY,
    _R.PAUSED: Tone.WARN,
    _R.COMPLETED: Tone.GOOD,
    _R.ROLLING_BACK: Tone.BUSY,
    _R.ROLLED_BACK: Tone.BAD,
    KeyState.OPEN: Tone.GOOD,
    KeyState.REVOKED: Tone.BAD,
    DeviceState.PENDING: Tone.WARN,
    DeviceState.ACTIVE: Tone.GOOD,
    DeviceState.REVOKED: Tone.BAD,
}


def _deployment_moves() -> Mapping[DeploymentState, frozenset[DeploymentState]]:
    ended_by_device, ended_by_server = {_D.FAILED, _D.ROLLED_BACK}, {_D.TIMED_OUT, _D.UNREACHABLE, _D.SUPERSEDED}
    moves = {
        state: frozenset({*PROGRESS[place + 1 :], *ended_by_device, *ended_by_server})
        for place, state in enumerate(OPEN_DEPLOYMENT_STATES)
    }
    moves |= {state: frozenset({*PROGRESS, *ended_by_device, _D.SUPERSEDED}) for state in PRESUMED}
    # A device may fall back after its probation too, and reports it like any other move.
    moves[_D.CONFIRMED] = frozenset({_D.ROLLED_BACK})
    return MappingProxyType({state: moves.get(state, frozenset()) for state in _D})


DEPLOYMENT_MOVES: Final = _deployment_moves()

# (state, verb) → state. A verb that is not listed for a state is refused by name.
ROLLOUT_MOVES: Final[Mapping[tuple[RolloutState, RolloutVerb], RolloutState]] = MappingProxyType(
    {
        (_R.DRAFT, _V.START): _R.RUNNING,
        (_R.DRAFT, _V.ABORT): _R.ABORTED,
        (_R.RUNNING, _V.ADVANCE): _R.RUNNING,
        (_R.RUNNING, _V.PAUSE): _R.PAUSED,
        (_R.RUNNING, _V.COMPLETE): _R.COMPLETED,
        (_R.RUNNING, _V.ABORT): _R.ABORTED,
        (_R.RUNNING, _V.ROLL_BACK): _R.ROLLING_BACK,
        (_R.PAUSED, _V.RESUME): _R.RUNNING,
        (_R.PAUSED, _V.ABORT): _R.ABORTED,
        (_R.PAUSED, _V.ROLL_BACK): _R.ROLLING_BACK,
        (_R.ROLLING_BACK, _V.FINISH_ROLL_BACK): _R.ROLLED_BACK,
    }
)
# In one of these states a rollout decides which version its covered devices run.
OFFERING_ROLLOUT_STATES: Final = (_R.RUNNING, _R.PAUSED)
# A channel has at most one rollout in one of these states.
ACTIVE_ROLLOUT_STATES: Final = (*OFFERING_ROLLOUT_STATES, _R.ROLLING_BACK)
# No verb leads out of these states.
ENDED_ROLLOUT_STATES: Final = (_R.COMPLETED, _R.ROLLED_BACK, _R.ABORTED)
# In these states the rollout's devices are sent back, or were.
UNDONE_ROLLOUT_STATES: Final = (_R.ROLLING_BACK, _R.ROLLED_BACK, _R.ABORTED)


def can_move(before: DeploymentState, after: DeploymentState) -> bool:
    """Whether an attempt may go from one state to the other."""
    return after in DEPLOYMENT_MOVES[before]


def find_next(state: RolloutState, verb: RolloutVerb) -> RolloutState | None:
    """Return the state that a verb leads to, None where the verb does not apply."""
    return ROLLOUT_MOVES.get((state, verb))


def verbs_of(state: RolloutState) -> tuple[RolloutVerb, ...]:
    """Return the verbs that apply in a state."""
    return tuple(verb for (before, verb) in ROLLOUT_MOVES if before is state)


def draw() -> str:
    """Return both tables as Mermaid diagrams: the fleet's sections of ``docs/state-machines.md`` (`make docs`)."""
    rollouts = [f"    {before} --> {after}: {verb}" for (before, verb), after in ROLLOUT_MOVES.items()]
    # Skips forward are the same arrow drawn again; the page says so in words.
    attempts = [f"    {before} --> {after}" for before, after in pairwise(PROGRESS)]
    ends = (_D.FAILED, _D.ROLLED_BACK, _D.TIMED_OUT, _D.UNREACHABLE, _D.SUPERSEDED)
    attempts += [
        f"    {before} --> {after}"
        for before in (*PROGRESS, *ends)
        for after in ends
        if after in DEPLOYMENT_MOVES[before]
    ]
    attempts += [f"    {before} --> {_D.OFFERED}: seen again" for before in PRESUMED]
    lines = [
        "## Rollout",
        "",
        "From `fleet/states.py`.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {_R.DRAFT}",
        *rollouts,
        "```",
        "",
        "## Deployment: one device's attempt at one variant",
        "",
        "From `fleet/states.py`.",
        "",
        "Reports may be lost, so an attempt may skip forward along the upper row; it never goes back. `timed_out` and",
        "`unreachable` are presumptions of the server about a silent device: any report of the device overrules them.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {_D.OFFERED}",
        *attempts,
        "```",
    ]
    return "\n".join(lines) + "\n"
