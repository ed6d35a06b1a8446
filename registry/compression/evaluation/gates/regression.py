"""The gate of regression: the error beside the spread of the output."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import ROUNDING, describe_samples, show_percent
from registry.compression.evaluation.results import QualityNumbers

MAX_RELATIVE_ERROR = 0.01


def judge(numbers: QualityNumbers, _: VariantLimits) -> list[str]:
    """Return a sentence where the error is too large."""
    metric = numbers.get("metric")
    if metric is None or metric["value"] <= MAX_RELATIVE_ERROR + ROUNDING:
        return []
    shown = f"It differs from its source by {metric['value']:.2%} of the output's standard deviation"
    return [f"{shown} on {describe_samples(numbers)}; at most {show_percent(MAX_RELATIVE_ERROR)} is allowed."]
