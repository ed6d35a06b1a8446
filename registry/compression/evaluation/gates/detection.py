"""The gate of detection: boxes of the variant matched with those of its source, after decoding and suppression."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import ROUNDING, choose_wanted, describe_samples
from registry.compression.evaluation.results import QualityNumbers

MIN_F1 = 0.98
MATCH_IOU = 0.7


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence where too few boxes match."""
    metric, (wanted, behind) = numbers.get("metric"), choose_wanted(MIN_F1, limits.min_agreement)
    if metric is None or metric["value"] >= wanted - ROUNDING:
        return []
    shown = f"Its boxes match those of its source with F1 {metric['value']:.3f} at IoU {MATCH_IOU}"
    return [f"{shown} on {describe_samples(numbers)}; at least {wanted:g} is wanted{behind}."]
