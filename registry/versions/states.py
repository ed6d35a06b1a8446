"""Every move between states of a version, and the rule that ends its building. Pure."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from console.tones import Tone

Outcome = Literal["building", "ready", "rejected"]

# A state not yet used (``uploading``) belongs to resumable uploads.
VERSION_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "uploading": frozenset({"verifying", "rejected"}),
        "verifying": frozenset({"building", "rejected"}),
        "building": frozenset({"ready", "rejected"}),
        "ready": frozenset({"retired"}),
        "rejected": frozenset(),
        "retired": frozenset(),
    }
)

# How the states of versions and variants look on a page; a state that is left out is quiet.
TONES: Mapping[str, Tone] = {
    "uploading": Tone.BUSY,
    "verifying": Tone.BUSY,
    "building": Tone.BUSY,
    "ready": Tone.GOOD,
    "failed": Tone.BAD,
    "rejected": Tone.BAD,
    "quarantined": Tone.WARN,
}


@dataclass(frozen=True, slots=True)
class TargetOutcome:
    """How one requested target stands: still worked on, or over with these (recipe, status, reason) attempts."""

    target: str
    is_open: bool
    attempts: Sequence[tuple[str, str, str]] = ()


def sources_of(status: str) -> Set[str]:
    """Return the states that a version may come from to reach ``status``."""
    return {before for before, after in VERSION_MOVES.items() if status in after}


def decide_outcome(targets: Sequence[TargetOutcome]) -> tuple[Outcome, str]:
    """Decide where building has led to, and say why where it is a rejection.

    READY when every requested target is terminal and at least one has a READY variant (docs/wire-format.md, *Version*).
    """
    if any(target.is_open for target in targets):
        return "building", ""
    if any(status == "ready" for target in targets for _, status, _ in target.attempts):
        return "ready", ""
    return "rejected", "No variant could be built. " + " ".join(_explain(target) for target in targets)


def _explain(target: TargetOutcome) -> str:
    reasons = "; ".join(f"{recipe} {status.replace('_', ' ')}: {reason}" for recipe, status, reason in target.attempts)
    return f"{target.target}: {reasons or 'nothing was tried.'}"
