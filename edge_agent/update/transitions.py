"""The one table of the update's state machine: (state, event) → (next state, the state that is reported).

A restart in a state before `probation` starts the attempt's steps over at `downloading`: each step finds what the earlier
run left, so this costs a hash and no bytes. `rolling_back` is the intent, kept before the pointer moves. *Adopted* is an
attempt at what runs already; *superseded* is one that another assignment ends during probation with no earlier slot to flip to.
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
    """What happened to it."""

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


TABLE: dict[tuple[State, Event], tuple[State, str | None]] = {
    (State.DOWNLOADING, Event.VERIFIED): (State.VERIFIED, "verified"),
    (State.VERIFIED, Event.STAGED): (State.STAGED, None),
    (State.STAGED, Event.SELF_TESTED): (State.SELF_TESTED, "self_tested"),
    (State.SELF_TESTED, Event.SWITCHED): (State.PROBATION, "activated"),
    (State.DOWNLOADING, Event.ADOPTED): (State.PROBATION, "activated"),
    (State.PROBATION, Event.CONFIRMED): (State.CONFIRMED, "confirmed"),
    (State.PROBATION, Event.TRIPPED): (State.ROLLING_BACK, None),
    (State.ROLLING_BACK, Event.RESTORED): (State.ROLLED_BACK, "rolled_back"),
    (State.PROBATION, Event.SUPERSEDED): (State.FAILED, "failed"),
    (State.DOWNLOADING, Event.REFUSED): (State.FAILED, "failed"),
    (State.VERIFIED, Event.REFUSED): (State.FAILED, "failed"),
    (State.STAGED, Event.REFUSED): (State.FAILED, "failed"),
    (State.SELF_TESTED, Event.REFUSED): (State.FAILED, "failed"),
    (State.DOWNLOADING, Event.RESTARTED): (State.DOWNLOADING, None),
    (State.VERIFIED, Event.RESTARTED): (State.DOWNLOADING, None),
    (State.STAGED, Event.RESTARTED): (State.DOWNLOADING, None),
    (State.SELF_TESTED, Event.RESTARTED): (State.DOWNLOADING, None),
}
UNDERWAY = frozenset({State.DOWNLOADING, State.VERIFIED, State.STAGED, State.SELF_TESTED})
OVER = frozenset({State.CONFIRMED, State.ROLLED_BACK, State.FAILED})


def choose_next(state: State, event: Event) -> tuple[State, str | None]:
    """Return the next state and what to report of it.

    Raises:
        KeyError: the table has no such step, which is an error in this program.
    """
    return TABLE[state, event]
