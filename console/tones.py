"""How the states of all apps look on a page. Each app registers its own states; a state without a tone is quiet."""

from collections.abc import Mapping
from enum import StrEnum


class Tone(StrEnum):
    """The look of a badge; the value is part of its CSS class."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    # Drawn hollow, because not known is not good.
    UNKNOWN = "unknown"
    QUIET = "quiet"


class ToneIsTaken(ValueError):
    """Two apps give one word two looks; a reader could not tell them apart."""


_tones: dict[str, Tone] = {"unknown": Tone.UNKNOWN}
_words: dict[str, str] = {}


def register(tones: Mapping[str, Tone], *, words: Mapping[str, str] | None = None) -> None:
    """Say how states look, and how those are written whose name does not read well.

    Raises:
        ToneIsTaken: A state of that name has another tone already.
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
    """Return a state as people read it."""
    return _words.get(str(state), str(state).replace("_", " "))
