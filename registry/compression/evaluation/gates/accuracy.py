"""The gate of accuracy on labels, whatever the task: the preset's allowance, or a person's."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import ROUNDING, show_percent, whose
from registry.compression.evaluation.results import QualityNumbers


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence where more accuracy was lost than allowed."""
    before, after = numbers.get("accuracy_before"), numbers.get("accuracy_after")
    allowed = limits.max_accuracy_loss
    if before is None or after is None or before - after <= allowed.value + ROUNDING:
        return []
    wanted = "nothing" if allowed.value == 0 else f"at most {show_percent(allowed.value)}"
    return [f"Its accuracy is {after:.1%}, that of its source {before:.1%}; {wanted} may be lost {whose(allowed)}."]
