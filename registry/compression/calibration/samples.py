"""The uploaded samples, checked against the inputs of the model and split into two parts.

One array per input, named as the input, first axis the sample; ``labels`` (integers) is optional. A *feed* is what one
inference takes: one sample, or as many as a model of fixed batch wants.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registry.compression.arrays import Array
from registry.compression.calibration.archive import open_arrays
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits
from registry.compression.tensor_specs import Batch, TensorSpec, find_batch

LABELS = "labels"
# At least a fifth of the samples is kept out of calibration, and up to half of few: parity needs them more than ranges do.
_HELD_OUT_RATIO = 0.2
_HELD_OUT_ENOUGH = 200
_SPLIT_SEED = 20240229
_FINITE_CHUNK = 64


@dataclass(frozen=True)
class Samples:
    """Checked samples; indices in ``for_ranges`` and ``held_out`` are feeds, and share none."""

    arrays: Mapping[str, Array]
    labels: Array | None
    batch: Batch
    for_ranges: Sequence[int]
    held_out: Sequence[int]

    def feed(self, index: int) -> dict[str, Array]:
        """Return the inputs of one inference, as copies in memory."""
        rows = self._rows(index)
        return {name: np.array(array[rows]) for name, array in self.arrays.items()}

    def feed_labels(self, index: int) -> Array | None:
        """Return the labels of one inference, or None where none were given."""
        return None if self.labels is None else self.labels[self._rows(index)]

    @property
    def count(self) -> int:
        """The number of samples that were given."""
        return len(next(iter(self.arrays.values())))

    def _rows(self, index: int) -> slice:
        return slice(index * self.batch.size, (index + 1) * self.batch.size)


def read_samples(path: Path, *, inputs: Sequence[TensorSpec], folder: Path, limits: Limits) -> Samples:
    """Read, check and split the calibration file.

    Raises:
        ModelRefused: A missing, unknown, mistyped or misshapen array, a label without sample, NaN or infinity, too few.
    """
    batch = find_batch(inputs)
    if batch is None:
        raise ModelRefused(
            "The inputs of the model share no first axis, so samples cannot be told apart.", reason="calibration_axis"
        )
    arrays = open_arrays(path, folder=folder, limits=limits)
    names = {spec.name for spec in inputs}
    labels = None if LABELS in names else arrays.pop(LABELS, None)
    _check_names(arrays, names=names)
    for spec in inputs:
        _check_array(arrays[spec.name], spec=spec)
    _check_shared_extents(arrays, inputs=inputs)
    count = _check_lengths(arrays, labels=labels, limit=limits.calibration_samples)
    for name, array in arrays.items():
        _check_finite(name, array)
    for_ranges, held_out = split_feeds(count // batch.size)
    return Samples(arrays, labels, batch, for_ranges, held_out)


def split_feeds(count: int) -> tuple[list[int], list[int]]:
    """Split ``count`` feeds into (for ranges, held out); the same count always gives the same split.

    Raises:
        ModelRefused: Fewer than two.
    """
    if count < 2:
        message = "The calibration file has too few samples: at least two inferences' worth are needed."
        raise ModelRefused(message, reason="calibration_too_few")
    held = max(-int(-count * _HELD_OUT_RATIO // 1), min(count // 2, _HELD_OUT_ENOUGH))
    order = np.random.default_rng(_SPLIT_SEED).permutation(count).tolist()
    return sorted(order[held:]), sorted(order[:held])


def _check_names(arrays: Iterable[str], *, names: set[str]) -> None:
    missing, unknown = sorted(names - set(arrays)), sorted(set(arrays) - names)
    if missing:
        message = f'The calibration file has no array "{missing[0]}"; the inputs are {", ".join(sorted(names))}.'
        raise ModelRefused(message, reason="calibration_missing_input")
    if unknown:
        message = f'The calibration file has an array "{unknown[0]}", which is no input; the inputs are {", ".join(sorted(names))}.'
        raise ModelRefused(message, reason="calibration_unknown_input")


def _check_array(array: Array, *, spec: TensorSpec) -> None:
    if array.dtype != np.dtype(spec.dtype):
        message = f'The calibration array "{spec.name}" is {array.dtype}; the model wants {spec.dtype}.'
        raise ModelRefused(message, reason="calibration_dtype")
    wanted = spec.shape[1:]
    fits = array.ndim == len(spec.shape) and all(
        want == got or isinstance(want, str) for want, got in zip(wanted, array.shape[1:], strict=True)
    )
    if not fits:
        shown = ", ".join(str(extent) for extent in ("samples", *wanted))
        message = f'The calibration array "{spec.name}" has the shape {array.shape}; the model wants ({shown}).'
        raise ModelRefused(message, reason="calibration_shape")


def _check_shared_extents(arrays: Mapping[str, Array], *, inputs: Sequence[TensorSpec]) -> None:
    sizes: dict[str, int] = {}
    for spec in inputs:
        for want, got in zip(spec.shape[1:], arrays[spec.name].shape[1:], strict=True):
            if isinstance(want, str) and sizes.setdefault(want, got) != got:
                message = f'The extent "{want}" is {sizes[want]} in one calibration array and {got} in "{spec.name}".'
                raise ModelRefused(message, reason="calibration_shape")


def _check_lengths(arrays: Mapping[str, Array], *, labels: Array | None, limit: int) -> int:
    lengths = {name: len(array) for name, array in arrays.items()}
    count = next(iter(lengths.values()))
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f'"{name}" {length}' for name, length in lengths.items())
        raise ModelRefused(
            f"The calibration arrays differ in their number of samples: {shown}.", reason="calibration_shape"
        )
    if count > limit:
        raise ModelRefused(
            f"The calibration file has {count} samples; at most {limit} are accepted.", reason="calibration_too_large"
        )
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (count,)):
        message = f"The calibration labels are {labels.dtype} of the shape {labels.shape}; wanted are {count} integers (int64)."
        raise ModelRefused(message, reason="calibration_labels")
    return count


def _check_finite(name: str, array: Array) -> None:
    if array.dtype.kind != "f":
        return
    for start in range(0, len(array), _FINITE_CHUNK):
        if not np.isfinite(array[start : start + _FINITE_CHUNK]).all():
            message = (
                f'The calibration array "{name}" has NaN or infinity in samples {start} to {start + _FINITE_CHUNK - 1}.'
            )
            raise ModelRefused(message, reason="calibration_not_finite")
