"""Sequences: what a CTC decoder reads from the frames of both, by edit distance.

Connectionist temporal classification: Graves et al. 2006, section 3.1: best path, repeats joined, blanks left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.gates.classification import CONFIDENT_MARGIN
from registry.compression.evaluation.gates.sequence import MAX_ERROR_RATE
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.evaluation.tasks import scores
from registry.compression.model_task import ModelTask


@dataclass
class SequenceComparison:
    """Running counts over many inferences."""

    task: ModelTask
    _edits: int = 0
    _symbols: int = 0
    _sequences: int = 0
    _confident_agreed: int = 0
    _confident: int = 0

    def add(self, source: Sequence[Array], variant: Sequence[Array], _: Array | None = None) -> None:
        """Compare the sequences of one inference."""
        index = next((place for place, output in enumerate(source) if _has_frames(output)), None)
        if index is None:
            return
        want, got = source[index], variant[index]
        if want.dtype.kind == "f":
            want, got = self._add_scores(_batch_first(want), _batch_first(got))
        else:
            want, got = (part.reshape(-1, part.shape[-1]) for part in (want, got))
        for before, after in zip(want, got, strict=True):
            read = self._decode(before)
            self._edits += count_edits(read, self._decode(after))
            self._symbols += len(read)
            self._sequences += 1

    def summarize(self) -> QualityNumbers:
        """Return the rate of edits; where the source reads nothing at all, one wrong symbol counts as a whole one."""
        if not self._sequences or not (self._symbols or self._edits):
            return {"agreement": None, "metric": None}
        error = self._edits / max(1, self._symbols)
        return {
            "agreement": max(0.0, 1 - error),
            "error_rate": error,
            "metric": {"name": "error_rate", "value": error, "wanted": MAX_ERROR_RATE},
            "confident_agreement": self._confident_agreed / self._confident if self._confident else None,
            "confident_decisions": self._confident,
        }

    def _add_scores(self, want: Array, got: Array) -> tuple[Array, Array]:
        want, got = scores.to_class_probabilities(want, got, task=self.task)
        before, after = want.argmax(axis=-1), got.argmax(axis=-1)
        confident = scores.margins(want) > CONFIDENT_MARGIN
        if self.task.blank is not None:
            confident &= before != self.task.blank
        self._confident += int(confident.sum())
        self._confident_agreed += int((before == after)[confident].sum())
        return before, after

    def _decode(self, frames: Array) -> Array:
        return frames if self.task.blank is None else decode(frames, blank=self.task.blank)


def decode(frames: Array, *, blank: int) -> Array:
    """Return the symbols of the best path: repeats joined, blanks left out."""
    if not frames.size:
        return frames
    is_new = np.concatenate([[True], frames[1:] != frames[:-1]])
    return np.asarray(frames[is_new & (frames != blank)])


def count_edits(first: Array, second: Array) -> int:
    """Return the Levenshtein distance of two sequences."""
    if np.array_equal(first, second):
        return 0
    steps = np.arange(len(second) + 1)
    row = steps.copy()
    for place, symbol in enumerate(first.tolist(), start=1):
        # Deletions and replacements of this row; insertions then run along it: the least of all entries to the left.
        best = np.concatenate([[place], np.minimum(row[1:] + 1, row[:-1] + (second != symbol))])
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


def _has_frames(output: Array) -> bool:
    return bool(output.size) and ((output.dtype.kind == "f" and output.ndim == 3) or output.dtype.kind in "iu")


def _batch_first(output: Array) -> Array:
    """Return (N, T, C): recurrent models give (T, N, C), told by an N of 1."""
    return np.swapaxes(output, 0, 1) if output.shape[1] == 1 and output.shape[0] > 1 else output
