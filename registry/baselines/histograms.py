"""The fixed histograms that telemetry is counted in and baselines are made of. Changing a bin means a new version of them.

Class ids are counted as they are. Confidence has 20 equal bins on [0, 1]. Latency has logarithmic bins of 1 % relative
error: the mapping of DDSketch (Masson, Rim, Lee: arXiv 1908.10693, section 2.1).
"""

import math
from collections.abc import Iterable
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from registry.baselines.inference_records import InferenceRecord

BINS_VERSION = 1
CONFIDENCE_BINS = 20
LATENCY_RELATIVE_ERROR = 0.01
# Everything at or below a microsecond is one bin.
LATENCY_FLOOR_MS = 1e-3
LATENCY_FLOOR_BIN = -(2**31)

_GAMMA = (1 + LATENCY_RELATIVE_ERROR) / (1 - LATENCY_RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)


class Statistics(TypedDict):
    """The counts of a baseline: per class id as text, per confidence bin, per latency bin as text."""

    bins_version: int
    samples: int
    classes: dict[str, int]
    confidence: list[int]
    latency: dict[str, int]


class NamedStatistics(Statistics):
    """The statistics with the id of their baseline, as devices and manifests get them."""

    id: str


Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def confidence_bins(confidence: Floats) -> Integers:
    """Return the bin 0–19 of each confidence in [0, 1]."""
    return np.minimum((confidence * CONFIDENCE_BINS).astype(np.int64), CONFIDENCE_BINS - 1)


def latency_bins(latency_ms: Floats) -> Integers:
    """Return the logarithmic bin of each latency in milliseconds."""
    bins = np.full(latency_ms.shape, LATENCY_FLOOR_BIN, dtype=np.int64)
    above = latency_ms > LATENCY_FLOOR_MS
    bins[above] = np.ceil(np.log(latency_ms[above]) / _LOG_GAMMA).astype(np.int64)
    return bins


def latency_of_bin(latency_bin: int) -> float:
    """Return the milliseconds that stand for a bin, within 1 % of every latency in it."""
    return 0.0 if latency_bin == LATENCY_FLOOR_BIN else 2 * _GAMMA**latency_bin / (_GAMMA + 1)


def latency_quantile(counts: dict[int, int], *, share: float) -> float | None:
    """Return a quantile in milliseconds from counts per bin; None without counts."""
    total = sum(counts.values())
    rank = share * (total - 1)
    passed = 0
    for latency_bin in sorted(counts):
        passed += counts[latency_bin]
        if passed > rank:
            return latency_of_bin(latency_bin)
    return None


def statistics_of(records: Iterable[InferenceRecord]) -> Statistics:
    """Count recorded inferences into the statistics of a baseline (without its id): see ``registry.baselines.verbs``."""
    rows = list(records)
    classes, class_counts = np.unique(np.array([row.class_id for row in rows], dtype=np.int64), return_counts=True)
    confidence = confidence_bins(np.array([row.confidence for row in rows], dtype=np.float64))
    latency, latency_counts = np.unique(latency_bins(np.array([row.latency_ms for row in rows])), return_counts=True)
    return {
        "bins_version": BINS_VERSION,
        "samples": len(rows),
        "classes": {str(key): int(count) for key, count in zip(classes, class_counts, strict=True)},
        "confidence": np.bincount(confidence, minlength=CONFIDENCE_BINS).tolist(),
        "latency": {str(key): int(count) for key, count in zip(latency, latency_counts, strict=True)},
    }
