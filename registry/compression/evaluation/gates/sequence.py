"""The gate of sequences (CTC): what is read counts, not the frames. 93 % of equal frames came with 5.8 % of wrong characters."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.classification import judge_confident
from registry.compression.evaluation.gates.sentences import ROUNDING, describe_samples, show_percent, whose
from registry.compression.evaluation.results import QualityNumbers

MAX_ERROR_RATE = 0.01
MIN_CONFIDENT_AGREEMENT = 0.995


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence for each rule that is missed."""
    missed = []
    error, own = numbers.get("error_rate"), limits.min_agreement
    allowed, behind = (MAX_ERROR_RATE, "") if own is None else (1 - own.value, f" {whose(own)}")
    if error is not None and error > allowed + ROUNDING:
        shown = f"It reads {error:.1%} of the symbols otherwise than its source on {describe_samples(numbers)}"
        missed.append(f"{shown}; at most {show_percent(allowed)} is allowed{behind}.")
    return [*missed, *judge_confident(numbers, wanted=MIN_CONFIDENT_AGREEMENT)]
