"""The rule that ends the building of a version."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.states import VariantStatus, VersionStatus


@dataclass(frozen=True, slots=True)
class Attempted:
    """One recipe that was tried for a target, and how it ended."""

    recipe: str
    status: VariantStatus
    reason: str


@dataclass(frozen=True, slots=True)
class TargetOutcome:
    """How one requested target stands: open, or over with these attempts."""

    target: str
    is_open: bool
    attempts: Sequence[Attempted] = ()
    # Why its build was stopped: a person canceled it, or it was given up. It may be started again.
    stopped: str = ""


def decide(targets: Sequence[TargetOutcome]) -> tuple[VersionStatus, str]:
    """Decide between BUILDING, READY and REJECTED; all but READY come with a sentence, empty while builders work.

    READY when every requested target is terminal and at least one has a READY variant (docs/wire-format.md, *Version*).
    Without such a variant a stopped build keeps the version open: a person may start it again.
    """
    if any(target.is_open for target in targets):
        return VersionStatus.BUILDING, ""
    if any(attempt.status == VariantStatus.READY for target in targets for attempt in target.attempts):
        return VersionStatus.READY, ""
    if stopped := [f"{target.target}: {target.stopped}" for target in targets if target.stopped]:
        return VersionStatus.BUILDING, "A build was stopped, and can be tried again. " + " ".join(stopped)
    return VersionStatus.REJECTED, "No variant could be built. " + " ".join(_explain(target) for target in targets)


def _explain(target: TargetOutcome) -> str:
    reasons = (f"{attempt.recipe} {attempt.status.replace('_', ' ')}: {attempt.reason}" for attempt in target.attempts)
    return f"{target.target}: {'; '.join(reasons) or 'nothing was tried.'}"
