"""Latency of a window from logarithmic bins: every figure is within 1 % of the value that the records themselves give."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from registry.baselines import histograms


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Milliseconds; None without samples."""

    samples: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def summarize(counts: Mapping[int, int]) -> LatencySummary:
    """Summarize counts per latency bin."""
    samples = sum(counts.values())
    if not samples:
        return LatencySummary(0, None, None, None, None)
    total = math.fsum(histograms.latency_of_bin(latency_bin) * count for latency_bin, count in counts.items())
    p50, p95, p99 = (histograms.latency_quantile(dict(counts), share=share) for share in (0.5, 0.95, 0.99))
    return LatencySummary(samples, total / samples, p50, p95, p99)
