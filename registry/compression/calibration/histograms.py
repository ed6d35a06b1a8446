"""Counts float32 values by their upper 16 bits: the sign, the exponent, and 7 bits of the mantissa.

The bins are known before the first value, so one pass over the samples is enough. Each bin is at most 0.8 % wide.
Absolute values under 2⁻³² count as 0, and values of 2³² or more share the last bin.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from registry.compression.arrays import Array

Range = tuple[float, float]
Counts = npt.NDArray[np.int64]
Edges = npt.NDArray[np.float64]

_PATTERNS = 1 << 16
_NEGATIVE = 1 << 15
_BINS_PER_BINADE = 1 << 7
_BIAS = 127
_FIRST = (_BIAS - 32) * _BINS_PER_BINADE
_LAST = (_BIAS + 32) * _BINS_PER_BINADE
_WIDTH = _LAST - _FIRST

# Of a larger array, so many values are counted, evenly spread; the extremes are those of all its values.
_MAX_VALUES = 1 << 17
_LEVELS = 256
_CLIPS = np.linspace(0.2, 1.0, 81)


def _no_counts() -> Counts:
    return np.zeros((2, _WIDTH), dtype=np.int64)


@dataclass
class Histogram:
    """The values of one tensor, over all samples; ``lowest`` and ``highest`` are exact."""

    lowest: float = np.inf
    highest: float = -np.inf
    is_finite: bool = True
    # Positive values first, then negative ones; each by its absolute value.
    _counts: Counts = field(default_factory=_no_counts)
    _calls: int = 0

    def add(self, values: Array) -> None:
        """Count float32 values; an empty array changes nothing."""
        if not values.size:
            return
        lowest, highest = float(values.min()), float(values.max())
        self.is_finite = self.is_finite and bool(np.isfinite(lowest) and np.isfinite(highest))
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)
        if not self.is_finite:
            return
        # Every second half of a little-endian float32 is its upper one. A view, and no arithmetic, is what makes this fast.
        upper = np.ascontiguousarray(values, dtype="<f4").reshape(-1).view("<u2")[1::2]
        # An odd step visits all columns of an image, and each call begins at another value.
        step = -(-upper.size // _MAX_VALUES) | 1
        counts = np.bincount(upper[self._calls % step :: step], minlength=_PATTERNS)
        self._calls += 1
        by_sign = counts.reshape(2, _NEGATIVE)
        self._counts += by_sign[:, _FIRST:_LAST]
        self._counts[:, 0] += by_sign[:, :_FIRST].sum(axis=1)
        self._counts[:, -1] += by_sign[:, _LAST:].sum(axis=1)

    @property
    def has_values(self) -> bool:
        """Whether any value was counted, finite or not."""
        return self.lowest <= self.highest or not self.is_finite

    @property
    def whole(self) -> Range:
        """The lowest and the highest value; (0, 0) before there is one."""
        return (self.lowest, self.highest) if self.lowest <= self.highest else (0.0, 0.0)

    def bins(self) -> tuple[Edges, Edges, Counts]:
        """Return lower edges, upper edges and counts of the bins that have values, in ascending order."""
        positive, negative = self._counts
        counts = np.concatenate((negative[::-1], positive))
        lower, upper = _edges()
        used = counts > 0
        return lower[used].clip(*self.whole), upper[used].clip(*self.whole), counts[used]


@functools.cache
def _edges() -> tuple[Edges, Edges]:
    patterns = np.arange(_FIRST, _LAST + 1, dtype=np.uint32) << 16
    edges = patterns.view(np.float32).astype(np.float64)
    edges[0] = 0.0
    return np.concatenate((-edges[:0:-1], edges[:-1])), np.concatenate((-edges[-2::-1], edges[1:]))


def choose_percentile(histogram: Histogram, *, percentile: float) -> Range:
    """Return the range without the share of values beyond ``percentile`` at either end."""
    lower, upper, counts = histogram.bins()
    if not counts.size:
        return histogram.whole
    share = np.cumsum(counts) / counts.sum()
    outside = 1 - percentile / 100
    first = min(int(np.searchsorted(share, outside, side="right")), counts.size - 1)
    last = min(int(np.searchsorted(share, 1 - outside)), counts.size - 1)
    return float(lower[first]), float(upper[max(first, last)])


def choose_least_error(histogram: Histogram) -> Range:
    """Return the clip of the range that loses least: squared error of clipping plus step²/12 of rounding."""
    lower, upper, counts = histogram.bins()
    if not counts.size:
        return histogram.whole
    centers = (lower + upper) / 2
    # Sums over the bins from the first one on: of 1, of x, and of x².
    moments = np.stack([np.concatenate(([0.0], np.cumsum(counts * centers**power))) for power in range(3)])
    total = moments[:, -1]
    lowest, highest = min(0.0, histogram.lowest), max(0.0, histogram.highest)

    def error(candidate: Range) -> float:
        low, high = candidate
        below = moments[:, np.searchsorted(centers, low)]
        above = total - moments[:, np.searchsorted(centers, high, side="right")]
        clipped = sum(
            float(part[2] - 2 * edge * part[1] + edge**2 * part[0]) for part, edge in ((below, low), (above, high))
        )
        inside = float(total[0] - below[0] - above[0])
        return clipped + inside * ((high - low) / (_LEVELS - 1)) ** 2 / 12

    return min(((lowest * clip, highest * clip) for clip in _CLIPS.tolist()), key=error)


def make_symmetric(found: Range) -> Range:
    """Return the smallest range around 0 that has all of ``found``."""
    largest = max(abs(found[0]), abs(found[1]))
    return -largest, largest


METHODS: Mapping[str, Callable[[Histogram, float], Range]] = {
    "minmax": lambda histogram, _: histogram.whole,
    "percentile": lambda histogram, percentile: choose_percentile(histogram, percentile=percentile),
    "mse": lambda histogram, _: choose_least_error(histogram),
}
