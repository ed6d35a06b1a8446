"""The status of a comparison, and every threshold (docs/drift.md). Too little data is a status of its own."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the adjusted index is compared with."""

    watch: float
    medium: float
    high: float


THRESHOLDS = Thresholds(watch=0.1, medium=0.2, high=0.4)
SIGNIFICANCE = 0.01
MIN_EFFECTIVE_SAMPLES = 200
MIN_EFFECTIVE_SAMPLES_PER_BIN = 10

CONFIDENCE_MEDIUM_DROP = 0.05
CONFIDENCE_HIGH_DROP = 0.10
CONFIDENCE_STANDARD_ERRORS = 3.0
CONFIDENCE_MIN_EFFECTIVE_SAMPLES = 100


class Status(StrEnum):
    """The result of a comparison. ``insufficient`` and ``no_baseline`` are neither good news nor an alarm."""

    OK = "ok"
    WATCH = "watch"
    MEDIUM = "medium"
    HIGH = "high"
    INSUFFICIENT = "insufficient"
    NO_BASELINE = "no_baseline"

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should be told."""
        return self in {Status.MEDIUM, Status.HIGH}


def required_samples(*, bins: int, overdispersion: float) -> float:
    """Return how many samples a window needs before its classes are judged: c · max(200, 10·B)."""
    return overdispersion * max(MIN_EFFECTIVE_SAMPLES, MIN_EFFECTIVE_SAMPLES_PER_BIN * bins)


def of_classes(psi_adjusted: float, *, q_value: float) -> Status:
    """Judge a window that has enough samples.

    A large index that may be chance (q at or above ``SIGNIFICANCE``, as with a small baseline) is watched and does not alarm.
    """
    if psi_adjusted <= THRESHOLDS.watch:
        return Status.OK
    if psi_adjusted <= THRESHOLDS.medium or q_value >= SIGNIFICANCE:
        return Status.WATCH
    return Status.HIGH if psi_adjusted > THRESHOLDS.high else Status.MEDIUM


def of_confidence(drop: float, *, standard_error: float, samples: int, overdispersion: float) -> Status:
    """Judge how far mean confidence fell below the baseline's. A rise is no alarm."""
    if samples / overdispersion < CONFIDENCE_MIN_EFFECTIVE_SAMPLES:
        return Status.INSUFFICIENT
    if drop <= CONFIDENCE_MEDIUM_DROP or drop <= CONFIDENCE_STANDARD_ERRORS * standard_error:
        return Status.OK
    return Status.HIGH if drop > CONFIDENCE_HIGH_DROP else Status.MEDIUM
