"""The looks of states on all pages. Each app registers its own states; a state that nobody registered is quiet."""

from collections.abc import Mapping
from enum import StrEnum


class Tone(StrEnum):
    """The look of a badge; the value is part of its CSS class."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    # Drawn hollow, so that nobody takes an unknown state for a good one.
    UNKNOWN = "unknown"
    QUIET = "quiet"


class ToneIsTaken(ValueError):
    """Two apps register one state with different tones. A person who sees the state could not know which is meant."""


_tones: dict[str, Tone] = {"unknown": Tone.UNKNOWN}
_words: dict[str, str] = {}


def register(tones: Mapping[str, Tone], *, words: Mapping[str, str] | None = None) -> None:
    """Register the tones of states, and the words for states whose name does not read well.

    Raises:
        ToneIsTaken: The state has another tone already.
    """
    for state, tone in tones.items():
        if _tones.setdefault(str(state), tone) is not tone:
            message = f"The state {state} is {_tones[str(state)]} already, and cannot be {tone} too."
            raise ToneIsTaken(message)
    _words.update({str(state): text for state, text in (words or {}).items()})


def tone_of(state: str) -> Tone:
    """Return the tone of a state."""
    return _tones.get(str(state), Tone.QUIET)


def words_of(state: str) -> str:
    """Return the words for a state."""
    return _words.get(str(state), str(state).replace("_", " "))
