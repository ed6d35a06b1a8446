"""The gate of several labels: each is decided on its own, and most are absent, so that plain agreement says little."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.classification import judge_confident, judge_variation
from registry.compression.evaluation.gates.noise import FLOOR_SQNR_DB, judge_sqnr
from registry.compression.evaluation.gates.sentences import ROUNDING, choose_wanted, describe_samples, show_percent
from registry.compression.evaluation.results import QualityNumbers

MIN_F1 = 0.97
MIN_AGREEMENT = 0.98
# A probability this far from the threshold is sure.
CONFIDENT_DISTANCE = 0.25
MIN_CONFIDENT_AGREEMENT = 0.99
MAX_DIFFERENCE = 0.05


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence for each rule that is missed."""
    return [
        *_f1(numbers),
        *_agreement(numbers, limits),
        *judge_confident(numbers, wanted=MIN_CONFIDENT_AGREEMENT),
        *judge_variation(numbers, allowed=MAX_DIFFERENCE),
        *judge_sqnr(numbers, wanted=FLOOR_SQNR_DB),
    ]


def _f1(numbers: QualityNumbers) -> list[str]:
    metric = numbers.get("metric")
    if metric is None or metric["name"] != "label_f1" or metric["value"] >= MIN_F1 - ROUNDING:
        return []
    shown = f"Its labels match those of its source with F1 {metric['value']:.3f} on {describe_samples(numbers)}"
    return [f"{shown}; at least {MIN_F1} is wanted."]


def _agreement(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    agreement, (wanted, behind) = numbers.get("agreement"), choose_wanted(MIN_AGREEMENT, limits.min_agreement)
    if agreement is None or agreement >= wanted - ROUNDING:
        return []
    return [
        f"It decides {agreement:.1%} of the labels as its source does; at least {show_percent(wanted)} is wanted{behind}."
    ]
