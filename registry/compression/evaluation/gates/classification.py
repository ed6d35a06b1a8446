"""The gate of classification (thresholds: docs/quality.md)."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.noise import FLOOR_SQNR_DB, judge_sqnr
from registry.compression.evaluation.gates.sentences import ROUNDING, choose_wanted, describe_samples, show_percent
from registry.compression.evaluation.results import QualityNumbers

MIN_AGREEMENT = 0.97
# Where the probability of the first class is more than this above that of the second, the source is sure.
CONFIDENT_MARGIN = 0.5
MIN_CONFIDENT_AGREEMENT = 0.99
MAX_TOTAL_VARIATION = 0.05


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence for each rule that is missed."""
    return [
        *_agreement(numbers, limits),
        *judge_confident(numbers, wanted=MIN_CONFIDENT_AGREEMENT),
        *judge_variation(numbers, allowed=MAX_TOTAL_VARIATION),
        *judge_sqnr(numbers, wanted=FLOOR_SQNR_DB),
    ]


def _agreement(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    agreement, (wanted, behind) = numbers.get("agreement"), choose_wanted(MIN_AGREEMENT, limits.min_agreement)
    if agreement is None or agreement >= wanted - ROUNDING:
        return []
    shown = f"It agrees with its source on {agreement:.1%} of {describe_samples(numbers)}"
    return [f"{shown}; at least {show_percent(wanted)} is wanted{behind}."]


def judge_confident(numbers: QualityNumbers, *, wanted: float) -> list[str]:
    """Return a sentence where the variant decides otherwise on inputs of which the source is sure."""
    agreement = numbers.get("confident_agreement")
    if agreement is None or agreement >= wanted - ROUNDING:
        return []
    count = numbers.get("confident_decisions", 0)
    shown = f"It agrees with its source on {agreement:.1%} of the {count} decisions of which its source is sure"
    return [f"{shown}; at least {show_percent(wanted)} is wanted."]


def judge_variation(numbers: QualityNumbers, *, allowed: float) -> list[str]:
    """Return a sentence where the probabilities have moved too far."""
    variation = numbers.get("mean_total_variation")
    if variation is None or variation <= allowed + ROUNDING:
        return []
    return [
        f"Its probabilities differ from those of its source by {variation:.3f} on average; at most {allowed} is allowed."
    ]
