"""Mean confidence of a window and of the baseline. Both come from the same 20 bins, so the error of the bins cancels out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.drift.statistics import severity
from analytics.drift.statistics.severity import Status


@dataclass(frozen=True, slots=True)
class ConfidenceSummary:
    """Means on [0, 1], and shares per bin. None where the window or the baseline has no samples."""

    status: Status
    baseline_mean: float | None
    mean: float | None
    drop: float | None
    standard_error: float | None
    baseline: list[float] | None
    current: list[float] | None


@dataclass(frozen=True, slots=True)
class _Moments:
    samples: int
    mean: float
    variance: float


def summarize(current: Sequence[int], *, baseline: Sequence[int] | None, overdispersion: float) -> ConfidenceSummary:
    """Summarize a window's confidence histogram, and judge its drop where there is a baseline.

    The standard error of the drop is sqrt(c · (variance / n + baseline variance / m)).
    """
    now, before = _moments(current), _moments(baseline) if baseline else None
    drop = standard_error = None
    status = Status.NO_BASELINE if before is None else Status.INSUFFICIENT
    if now and before:
        drop = before.mean - now.mean
        standard_error = math.sqrt(overdispersion * (now.variance / now.samples + before.variance / before.samples))
        status = severity.of_confidence(
            drop, standard_error=standard_error, samples=now.samples, overdispersion=overdispersion
        )
    return ConfidenceSummary(
        status=status,
        baseline_mean=before.mean if before else None,
        mean=now.mean if now else None,
        drop=drop,
        standard_error=standard_error,
        baseline=_shares(baseline),
        current=_shares(current),
    )


def _moments(counts: Sequence[int]) -> _Moments | None:
    samples = sum(counts)
    if not samples:
        return None
    middles = [(index + 0.5) / len(counts) for index in range(len(counts))]
    mean = math.fsum(count * middle for count, middle in zip(counts, middles, strict=True)) / samples
    squares = math.fsum(count * (middle - mean) ** 2 for count, middle in zip(counts, middles, strict=True))
    return _Moments(samples=samples, mean=mean, variance=squares / samples)


def _shares(counts: Sequence[int] | None) -> list[float] | None:
    samples = sum(counts or ())
    return [count / samples for count in counts] if counts and samples else None
