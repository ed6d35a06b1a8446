"""The sentence beside the status of drift: the numbers, and what a person can do."""

from analytics.drift import class_changes
from analytics.drift.statistics.severity import SIGNIFICANCE, THRESHOLDS, Status
from analytics.drift.version_drift import Drift


def write(found: Drift) -> str:
    """Say why the drift has its status."""
    if found.status is Status.NO_BASELINE and not found.samples:
        return "No inference came in over this window, and there is no baseline to compare with."
    if found.status is Status.NO_BASELINE:
        return f"{found.samples:,} inferences came in, but there is nothing to compare them with."
    if found.status is Status.INSUFFICIENT:
        missing = f"{found.samples:,} of the {found.required_samples or 0:,} inferences that a judgment needs came in"
        return f"{missing}. That is neither good nor bad news: take a longer window, or wait."
    index = found.psi_adjusted or 0.0
    figures = f"The adjusted PSI is {index:.2f} over {found.samples:,} inferences"
    if found.status is Status.OK:
        return f"{figures}; up to {THRESHOLDS.watch:g} is normal."
    changed = class_changes.describe(found.bins)
    if found.status is Status.WATCH:
        why = _why_only_watched(found)
        return f"{figures}; {why}: {changed}."
    threshold = THRESHOLDS.high if found.status is Status.HIGH else THRESHOLDS.medium
    return f"{figures}, above the threshold {threshold:g}, and not by chance: {changed}."


def _why_only_watched(found: Drift) -> str:
    if (found.psi_adjusted or 0.0) > THRESHOLDS.medium:
        return f"that is a lot, but may be chance (p = {found.p_value:.2g}, {SIGNIFICANCE:g} is needed)"
    return f"above {THRESHOLDS.watch:g}, and below the {THRESHOLDS.medium:g} that raises an alert"
