"""The one table of the update's states: (state, event) → (next state, report to the server).

- A restart before probation starts the attempt again at `downloading`. Each step finds the work of the earlier run on the
  disk, so this costs a hash and no download.
- `rolling_back` records the intention before the pointer moves. After a power cut in between, the next start finishes it.
- `adopted` takes an attempt at the version that is in use already straight to probation: there is nothing to download.
- `superseded` ends a probation when another version is assigned and there is no earlier slot to return to.
"""

import enum


class State(enum.StrEnum):
    """Where an attempt stands on this device."""

    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    STAGED = "staged"
    SELF_TESTED = "self_tested"
    PROBATION = "probation"
    CONFIRMED = "confirmed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


class Event(enum.StrEnum):
    """What happens to an attempt."""

    ADOPTED = "adopted"
    VERIFIED = "verified"
    STAGED = "staged"
    SELF_TESTED = "self_tested"
    SWITCHED = "switched"
    CONFIRMED = "confirmed"
    TRIPPED = "tripped"
    RESTORED = "restored"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    RESTARTED = "restarted"


class Reported(enum.StrEnum):
    """The states of a deployment that the agent reports (wire contract)."""

    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    SELF_TESTED = "self_tested"
    ACTIVATED = "activated"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


TABLE: dict[tuple[State, Event], tuple[State, Reported | None]] = {
    (State.DOWNLOADING, Event.VERIFIED): (State.VERIFIED, Reported.VERIFIED),
    (State.VERIFIED, Event.STAGED): (State.STAGED, None),
    (State.STAGED, Event.SELF_TESTED): (State.SELF_TESTED, Reported.SELF_TESTED),
    (State.SELF_TESTED, Event.SWITCHED): (State.PROBATION, Reported.ACTIVATED),
    (State.DOWNLOADING, Event.ADOPTED): (State.PROBATION, Reported.ACTIVATED),
    (State.PROBATION, Event.CONFIRMED): (State.CONFIRMED, Reported.CONFIRMED),
    (State.PROBATION, Event.TRIPPED): (State.ROLLING_BACK, None),
    (State.ROLLING_BACK, Event.RESTORED): (State.ROLLED_BACK, Reported.ROLLED_BACK),
    (State.PROBATION, Event.SUPERSEDED): (State.FAILED, Reported.FAILED),
    (State.DOWNLOADING, Event.REFUSED): (State.FAILED, Reported.FAILED),
    (State.VERIFIED, Event.REFUSED): (State.FAILED, Reported.FAILED),
    (State.STAGED, Event.REFUSED): (State.FAILED, Reported.FAILED),
    (State.SELF_TESTED, Event.REFUSED): (State.FAILED, Reported.FAILED),
    (State.DOWNLOADING, Event.RESTARTED): (State.DOWNLOADING, None),
    (State.VERIFIED, Event.RESTARTED): (State.DOWNLOADING, None),
    (State.STAGED, Event.RESTARTED): (State.DOWNLOADING, None),
    (State.SELF_TESTED, Event.RESTARTED): (State.DOWNLOADING, None),
}
UNDERWAY = frozenset({State.DOWNLOADING, State.VERIFIED, State.STAGED, State.SELF_TESTED})
OVER = frozenset({State.CONFIRMED, State.ROLLED_BACK, State.FAILED})


def choose_next(state: State, event: Event) -> tuple[State, Reported | None]:
    """Return the next state, and the state to report (None for a step that the server need not know).

    Raises:
        KeyError: the table has no such step, which is an error in this program.
    """
    return TABLE[state, event]
