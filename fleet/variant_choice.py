"""Which variant of a version a device is given: the first READY one in the order of the device's hardware targets.

A poll (``fleet.polls.resolving``) and the members of a rollout (``fleet.rollouts.members``) choose by this one rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.states import VariantStatus, VersionStatus


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """One attempt at a variant; only a READY one has a file."""

    id: int
    target: str
    recipe: str
    rank: int = 0
    status: VariantStatus = VariantStatus.READY
    reason: str = ""
    sha256: str = ""
    size: int = 0
    filename: str = ""
    format: str = ""
    manifest_sha256: str = ""
    signature_sha256: str = ""


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A version, with its variants for the targets of one device or of many."""

    id: int
    number: str
    status: VersionStatus = VersionStatus.READY
    is_quarantined: bool = False
    variants: tuple[VariantFacts, ...] = ()
    baseline_sha256: str | None = None


def choose_variant(version: VersionFacts, *, targets: Sequence[str]) -> VariantFacts | None:
    """Return the first READY variant, in the order of the targets, then of each target's recipes.

    ``targets`` is the hardware target of the device, then its fall-backs.
    """
    fitting = list_fitting(version, targets=targets)
    return next((variant for variant in fitting if variant.status == VariantStatus.READY), None)


def list_fitting(version: VersionFacts, *, targets: Sequence[str]) -> list[VariantFacts]:
    """Return the variants for any of the targets, READY or not, in the order in which they are preferred."""
    fitting = [variant for variant in version.variants if variant.target in targets]
    return sorted(fitting, key=lambda variant: (targets.index(variant.target), variant.rank, variant.id))


def explain_choice(variant: VariantFacts, *, chosen: VariantFacts | None, targets: Sequence[str]) -> str:
    """Say why a fitting variant was chosen or passed over."""
    if variant is chosen:
        own = variant.target == targets[0]
        return "first in the target's order" if own else f"{variant.target} is the fall-back of {targets[0]}"
    if variant.status == VariantStatus.READY:
        return "another one goes first in the target's order"
    return f"{variant.status}: {variant.reason}" if variant.reason else variant.status
