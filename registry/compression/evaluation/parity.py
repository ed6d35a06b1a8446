"""Compares the outputs of a variant with those of its source on the same inputs. Pure functions of arrays."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.results import ParityNumbers

# Means no difference at all: JSON has no infinity.
SQNR_CEILING_DB = 200.0


@dataclass
class Parity:
    """Running comparison over many inferences; each ``add`` takes the outputs of one."""

    _signal: dict[int, float] = field(default_factory=dict)
    _noise: dict[int, float] = field(default_factory=dict)
    _agreed: int = 0
    _decided: int = 0
    _correct_before: int = 0
    _correct_after: int = 0
    _labelled: int = 0
    _largest_difference: float = 0.0
    _finite: bool = True

    def add(self, source: Sequence[Array], variant: Sequence[Array], *, labels: Array | None = None) -> None:
        """Compare the outputs of one inference, in the same order on both sides."""
        for index, (want, got) in enumerate(zip(source, variant, strict=True)):
            if want.dtype.kind == "f":
                self._add_float(index, want.astype(np.float64), got.astype(np.float64))
        before, after = choose_classes(source), choose_classes(variant)
        if before is None or after is None:
            return
        self._agreed += int((before == after).sum())
        self._decided += before.size
        if labels is not None and before.shape == labels.shape:
            self._correct_before += int((before == labels).sum())
            self._correct_after += int((after == labels).sum())
            self._labelled += labels.size

    def summarize(self) -> ParityNumbers:
        """Return the measurements; None where the model has no classes or no labels were given."""
        return {
            "agreement": _ratio(self._agreed, self._decided),
            "accuracy_before": _ratio(self._correct_before, self._labelled),
            "accuracy_after": _ratio(self._correct_after, self._labelled),
            "sqnr_db": self._sqnr_db() if self._finite else None,
            "max_abs_difference": self._largest_difference if self._finite else None,
            "is_finite": self._finite,
        }

    def _add_float(self, index: int, want: Array, got: Array) -> None:
        if not (np.isfinite(want).all() and np.isfinite(got).all()):
            self._finite = False
            return
        difference = want - got
        self._signal[index] = self._signal.get(index, 0.0) + float(np.square(want).sum())
        self._noise[index] = self._noise.get(index, 0.0) + float(np.square(difference).sum())
        self._largest_difference = max(self._largest_difference, float(np.abs(difference).max(initial=0.0)))

    def _sqnr_db(self) -> float | None:
        """Return the worst output's 10·log10(Σ signal² / Σ noise²)."""
        values = [to_decibels(signal, self._noise[index]) for index, signal in self._signal.items()]
        return min(values, default=None)


def to_decibels(signal: float, noise: float) -> float:
    """Return the ratio of two energies in dB, held within ±``SQNR_CEILING_DB``."""
    if noise == 0:
        return SQNR_CEILING_DB
    if signal == 0:
        return -SQNR_CEILING_DB
    return max(-SQNR_CEILING_DB, min(SQNR_CEILING_DB, 10 * math.log10(signal / noise)))


def choose_classes(outputs: Iterable[Array]) -> Array | None:
    """Return the top-1 class of the first output that has classes, or None where none has.

    The classes of float outputs are on axis 1 of (N, C) and (N, C, H, W), and on the last of (N, T, C).
    """
    for output in outputs:
        if output.dtype.kind == "f" and output.ndim >= 2:
            axis = -1 if output.ndim == 3 else 1
            if output.shape[axis] >= 2:
                return np.asarray(output.argmax(axis=axis))
        if output.dtype.kind in "iu" and output.ndim == 1:
            return output
    return None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
