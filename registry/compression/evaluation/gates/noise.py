"""The gates of plain numbers: noise, and values that cannot be compared. They decide where nothing is known of the task."""

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import ROUNDING, choose_wanted, describe_samples, show_percent
from registry.compression.evaluation.results import QualityNumbers

MIN_SQNR_DB = 20.0
# The same numbers but for the order of sums in float32.
EXACT_SQNR_DB = 60.0
# Below, a task's own metric is luck.
FLOOR_SQNR_DB = 10.0
# Of integers that a model gives where its task is not known.
MIN_EQUAL_INTEGERS = 0.97


def judge(numbers: QualityNumbers, limits: VariantLimits) -> list[str]:
    """Return a sentence where the noise is too large, or where too many integers differ."""
    missed = judge_sqnr(numbers, wanted=MIN_SQNR_DB)
    agreement, (wanted, behind) = numbers.get("agreement"), choose_wanted(MIN_EQUAL_INTEGERS, limits.min_agreement)
    is_wanted = numbers.get("sqnr_db") is None or limits.min_agreement is not None
    if is_wanted and agreement is not None and agreement < wanted - ROUNDING:
        shown = f"It agrees with its source on {agreement:.1%} of {describe_samples(numbers)}"
        missed.append(f"{shown}; at least {show_percent(wanted)} is wanted{behind}.")
    return missed


def judge_exact(numbers: QualityNumbers) -> list[str]:
    """Return a sentence where the numbers are not the same."""
    return judge_sqnr(numbers, wanted=EXACT_SQNR_DB)


def judge_sqnr(numbers: QualityNumbers, *, wanted: float) -> list[str]:
    """Return a sentence where the ratio of signal to noise is under ``wanted`` dB."""
    sqnr = numbers.get("sqnr_db")
    if sqnr is None or sqnr >= wanted:
        return []
    return [
        f"Its outputs have a signal-to-quantization-noise ratio of {sqnr:.1f} dB; at least {wanted:.0f} dB is wanted."
    ]


def judge_comparable(numbers: QualityNumbers, *, has_free_count: bool) -> list[str]:
    """Return a sentence where outputs are not finite or have other shapes; a detector may give another number of boxes."""
    missed = []
    if not numbers.get("is_finite", True):
        missed.append("Its outputs are NaN or infinite on a sample where those of its source are finite.")
    mismatches = numbers.get("shape_mismatches", 0)
    if mismatches and not has_free_count:
        missed.append(f"Its outputs have other shapes than those of its source in {mismatches} inferences.")
    return missed
