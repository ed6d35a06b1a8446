"""The words that the gates share."""

from registry.compression.budget import Limit
from registry.compression.evaluation.results import QualityNumbers

# Numbers on the bar pass, whatever their last bit.
ROUNDING = 1e-9
_SAMPLES = {"held_out": "held-out samples", "evaluation": "evaluation samples", "random": "random inputs"}


def describe_samples(numbers: QualityNumbers) -> str:
    """Return the number and the kind of the samples: "100 held-out samples"."""
    kind = _SAMPLES.get(numbers.get("parity_on", ""), "samples")
    count = numbers.get("parity_samples")
    return kind if count is None else f"{count} {kind}"


def whose(limit: Limit) -> str:
    """Return whose limit decided, in brackets."""
    return f"({limit.set_by} limit)"


def show_percent(ratio: float) -> str:
    """Return a threshold in percent, without digits that say nothing: "97%", "99.5%"."""
    return f"{100 * ratio:.4g}%"


def choose_wanted(threshold: float, own: Limit | None) -> tuple[float, str]:
    """Return the threshold in force and the words behind it: a person's before that of the gate."""
    return (threshold, "") if own is None else (own.value, f" {whose(own)}")
