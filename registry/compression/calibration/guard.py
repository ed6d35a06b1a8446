"""The calibration guard: do the calibration samples look like the inputs that the model was trained for?

Ranges from dimmed, brightened or constant images clip what the device sees, and the held-out part of the same samples does not
show it. So the source's answers on them are held against other evidence. Pure rules over numbers; the thresholds come from 17 sets
of samples on two models.
"""

import math
from collections.abc import Sequence
from typing import Literal, TypedDict

# Two sets of confidences this far apart (Kolmogorov-Smirnov) are not of the same inputs.
MAX_DISTANCE = 0.60
# For fewer samples, the distance is large by chance.
MIN_COMPARED = 64
MAX_ACCURACY_UNDER = 0.10
FEW_SAMPLES = 64
TOO_FEW_SAMPLES = 16
_ROUNDING = 1e-9

Verdict = Literal["ok", "suspect", "unchecked", "few"]


class CalibrationCheck(TypedDict):
    """What the guard says; `suspect`, `unchecked` and `few` keep recipes with activation ranges from being offered first."""

    verdict: Verdict
    # Sentences with numbers, for people.
    warnings: list[str]


class Evidence(TypedDict, total=False):
    """What is known of the calibration samples, and of what they are compared with."""

    samples: int
    # Counts of the source's confidences in equal bins from 0 to 1: on calibration, and on the evaluation samples or in the baseline.
    calibration_confidences: Sequence[int]
    reference_confidences: Sequence[int]
    reference: Literal["evaluation", "baseline"]
    # The source's accuracy on calibration labels, and that on the evaluation samples or as declared in the metadata.
    calibration_accuracy: float
    reference_accuracy: float


def check(evidence: Evidence) -> CalibrationCheck:
    """Judge the calibration samples; the strictest finding decides."""
    samples = evidence["samples"]
    suspicions = [*_check_confidences(evidence), *_check_accuracy(evidence)]
    if suspicions:
        return {"verdict": "suspect", "warnings": suspicions}
    if samples < TOO_FEW_SAMPLES:
        words = f"There are {samples} calibration samples; activation ranges need at least {TOO_FEW_SAMPLES}."
        return {"verdict": "few", "warnings": [words]}
    warnings = []
    if samples < FEW_SAMPLES:
        warnings.append(f"There are {samples} calibration samples; ranges are firm from {FEW_SAMPLES} on.")
    if not _has_comparison(evidence):
        warnings.append(
            "Nobody could check the calibration samples: give evaluation samples, a baseline, or labels for both."
        )
        return {"verdict": "unchecked", "warnings": warnings}
    return {"verdict": "ok", "warnings": warnings}


def find_distance(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the Kolmogorov-Smirnov distance of two histograms with the same bins: the largest gap of their distributions."""
    sums = [max(1, sum(counts)) for counts in (first, second)]
    passed, largest = [0, 0], 0.0
    for one, other in zip(first, second, strict=True):
        passed = [passed[0] + one, passed[1] + other]
        largest = max(largest, abs(passed[0] / sums[0] - passed[1] / sums[1]))
    return largest


def _has_comparison(evidence: Evidence) -> bool:
    return _can_compare(evidence) or {"calibration_accuracy", "reference_accuracy"} <= set(evidence)


def _can_compare(evidence: Evidence) -> bool:
    counts = (evidence.get("calibration_confidences", ()), evidence.get("reference_confidences", ()))
    return len(counts[0]) == len(counts[1]) > 0 and min(map(sum, counts)) >= MIN_COMPARED


def _check_confidences(evidence: Evidence) -> list[str]:
    if not _can_compare(evidence):
        return []
    distance = find_distance(evidence["calibration_confidences"], evidence["reference_confidences"])
    if distance < MAX_DISTANCE - _ROUNDING or not math.isfinite(distance):
        return []
    other = "baseline" if evidence.get("reference") == "baseline" else "evaluation samples"
    return [
        (
            f"The model's confidence on the calibration samples is unlike that on the {other}: a distance of {distance:.2f}, "
            f"where {MAX_DISTANCE:.2f} is too far. Are they prepared alike (scale, order of channels, brightness)?"
        )
    ]


def _check_accuracy(evidence: Evidence) -> list[str]:
    here, there = evidence.get("calibration_accuracy"), evidence.get("reference_accuracy")
    if here is None or there is None or there - here < MAX_ACCURACY_UNDER - _ROUNDING:
        return []
    return [
        (
            f"The model is right on {here:.1%} of the calibration samples and on {there:.1%} elsewhere. "
            "Are the samples prepared as in training, and are the labels those of the samples?"
        )
    ]
