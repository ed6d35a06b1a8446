"""The gate of embeddings: the direction of each vector, and who its nearest neighbor is."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import ROUNDING, choose_wanted, describe_samples, show_percent
from registry.compression.evaluation.results import QualityNumbers

MIN_COSINE = 0.99
MIN_NEIGHBORS = 0.97


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence for each rule that is missed."""
    missed = []
    cosine, neighbors = numbers.get("cosine"), numbers.get("agreement")
    wanted, behind = choose_wanted(MIN_NEIGHBORS, limits.min_agreement)
    if cosine is not None and cosine < MIN_COSINE - ROUNDING:
        shown = f"Its vectors have a mean cosine of {cosine:.4f} with those of its source"
        missed.append(f"{shown} on {describe_samples(numbers)}; at least {MIN_COSINE} is wanted.")
    if neighbors is not None and neighbors < wanted - ROUNDING:
        missed.append(
            f"{neighbors:.1%} of its vectors have the same nearest neighbor as in its source; "
            f"at least {show_percent(wanted)} is wanted{behind}."
        )
    return missed
