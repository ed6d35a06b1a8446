"""The noise of a variant: the ratio of signal to quantization noise, output by output. Pure functions of arrays.

Values that are NaN or infinite in the source are left out on both sides, and named. A value that is finite in the source
and not in the variant is a fault of the variant.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.results import QualityNumbers

# Means no difference at all: JSON has no infinity.
SQNR_CEILING_DB = 200.0


@dataclass
class Noise:
    """Running comparison of values over many inferences; each ``add`` takes the float outputs of one."""

    _signal: dict[int, float] = field(default_factory=dict)
    _noise: dict[int, float] = field(default_factory=dict)
    _largest_difference: float = 0.0
    _finite: bool = True
    _source_not_finite: set[int] = field(default_factory=set)

    def add(self, index: int, source: Array, variant: Array) -> None:
        """Compare one output, float arrays of the same shape."""
        want, got = source.astype(np.float64), variant.astype(np.float64)
        comparable = np.isfinite(want)
        if not comparable.all():
            self._source_not_finite.add(index)
            want, got = want[comparable], got[comparable]
        if not np.isfinite(got).all():
            self._finite = False
            return
        difference = want - got
        self._signal[index] = self._signal.get(index, 0.0) + float(np.square(want).sum())
        self._noise[index] = self._noise.get(index, 0.0) + float(np.square(difference).sum())
        self._largest_difference = max(self._largest_difference, float(np.abs(difference).max(initial=0.0)))

    def summarize(self, names: Sequence[str] = ()) -> QualityNumbers:
        """Return the numbers; SQNR is that of the worst output. ``names`` are the outputs, in order."""
        shown = [names[index] if index < len(names) else str(index) for index in sorted(self._source_not_finite)]
        return {
            "sqnr_db": self._sqnr_db() if self._finite else None,
            "max_abs_difference": self._largest_difference if self._finite else None,
            "is_finite": self._finite,
            "source_not_finite": shown,
        }

    def _sqnr_db(self) -> float | None:
        """Return the worst output's 10·log10(Σ signal² / Σ noise²)."""
        values = [to_decibels(signal, self._noise[index]) for index, signal in self._signal.items()]
        return min(values, default=None)


def to_decibels(signal: float, noise: float) -> float:
    """Return the ratio of two energies in dB, held within ±``SQNR_CEILING_DB``."""
    if noise == 0:
        return SQNR_CEILING_DB
    if signal == 0 or not math.isfinite(noise):
        return -SQNR_CEILING_DB
    if not math.isfinite(signal):
        return SQNR_CEILING_DB
    return max(-SQNR_CEILING_DB, min(SQNR_CEILING_DB, 10 * math.log10(signal / noise)))


def without_infinities(source: Array, variant: Array) -> tuple[Array, Array]:
    """Return both as float64 and finite; where the source is not finite, both get the same value.

    A model masks a class with −infinity on purpose, so the value keeps its order: a very low one.
    """
    want, got = source.astype(np.float64), variant.astype(np.float64)
    finite = np.isfinite(want)
    want = np.nan_to_num(want, nan=0.0, posinf=1e9, neginf=-1e9)
    got = np.nan_to_num(got, nan=0.0, posinf=1e9, neginf=-1e9)
    return want, got if finite.all() else np.where(finite, got, want)
