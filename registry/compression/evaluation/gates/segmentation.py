"""The gate of masks and heat maps: soft intersection over union, Σ min ÷ Σ max."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import ROUNDING, choose_wanted, describe_samples
from registry.compression.evaluation.results import QualityNumbers

MIN_SOFT_IOU = 0.98
MIN_WORST_SOFT_IOU = 0.90


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence for each rule that is missed."""
    missed = []
    metric, worst = numbers.get("metric"), numbers.get("worst_soft_iou")
    wanted, behind = choose_wanted(MIN_SOFT_IOU, limits.min_agreement)
    if metric is not None and metric["value"] < wanted - ROUNDING:
        shown = f"Its masks overlap those of its source by {metric['value']:.3f} on {describe_samples(numbers)}"
        missed.append(f"{shown}; at least {wanted:g} is wanted{behind}.")
    if worst is not None and worst < MIN_WORST_SOFT_IOU - ROUNDING:
        missed.append(f"On its worst sample the masks overlap by {worst:.3f}; at least {MIN_WORST_SOFT_IOU} is wanted.")
    return missed
