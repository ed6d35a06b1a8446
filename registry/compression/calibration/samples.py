"""The uploaded samples, checked against the inputs of the model and split into two parts.

One array per input, named as the input, first axis the sample; ``labels`` (integers) is optional. Each sample has the shape of its
input, or that shape without the axis of the samples. A *feed* is what one inference takes: one sample, or as many as a model of
fixed batch wants.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from registry.compression.arrays import Array
from registry.compression.calibration.archive import Role, open_arrays
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
    # The inputs whose samples have the whole shape of the input, and the scalars that all samples share.
    whole: frozenset[str] = field(default_factory=frozenset)
    shared: frozenset[str] = field(default_factory=frozenset)

    def feed(self, index: int) -> dict[str, Array]:
        """Return the inputs of one inference, as copies in memory."""
        return {name: self._pick(name, index) for name in self.arrays}

    def feed_labels(self, index: int) -> Array | None:
        """Return the labels of one inference, or None where none were given."""
        return None if self.labels is None else self.labels[self._rows(index)]

    @property
    def count(self) -> int:
        """The number of samples that were given."""
        return len(next(array for name, array in self.arrays.items() if name not in self.shared))

    def _pick(self, name: str, index: int) -> Array:
        array, axis = self.arrays[name], self.batch.axes.get(name, 0)
        if name in self.shared:
            return np.array(array)
        if name in self.whole:
            return np.array(array[index])
        return np.array(array[self._rows(index)]) if not axis else np.expand_dims(np.array(array[index]), axis)

    def _rows(self, index: int) -> slice:
        return slice(index * self.batch.size, (index + 1) * self.batch.size)


def read_samples(
    path: Path, *, inputs: Sequence[TensorSpec], folder: Path, limits: Limits, role: Role = "calibration"
) -> Samples:
    """Read, check and split the file; samples for evaluation are all held out.

    Raises:
        ModelRefused: A missing, unknown, mistyped or misshapen array, a label without sample, NaN or infinity, too few.
    """
    return _Reader(role, tuple(inputs), limits).read(path, folder=folder)


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


@dataclass(frozen=True)
class _Reader:
    """Reads one file; every refusal names the file by its role."""

    role: Role
    inputs: tuple[TensorSpec, ...]
    limits: Limits

    def read(self, path: Path, *, folder: Path) -> Samples:
        batch = find_batch(self.inputs)
        arrays = open_arrays(path, folder=folder, limits=self.limits, role=self.role)
        names = {spec.name for spec in self.inputs}
        labels = None if LABELS in names else arrays.pop(LABELS, None)
        self._check_names(arrays, names=names)
        shared = frozenset(spec.name for spec in self.inputs if not spec.shape and arrays[spec.name].ndim == 0)
        whole = frozenset(
            spec.name for spec in self.inputs if batch.size == 1 and arrays[spec.name].ndim == len(spec.shape) + 1
        )
        shapes = {
            spec.name: self._check_array(
                arrays[spec.name], spec=spec, axis=batch.axes[spec.name], is_whole=spec.name in whole
            )
            for spec in self.inputs
            if spec.name not in shared
        }
        self._check_shared_extents(shapes)
        counted = {name: array for name, array in arrays.items() if name not in shared}
        count = self._check_lengths(counted, labels=labels)
        for name, array in arrays.items():
            self._check_finite(name, np.atleast_1d(array))
        for_ranges, held_out = self._split(count // batch.size)
        return Samples(arrays, labels, batch, for_ranges, held_out, whole, shared)

    def _split(self, feeds: int) -> tuple[list[int], list[int]]:
        if self.role == "calibration":
            return split_feeds(feeds)
        if feeds < 1:
            raise self._refuse("The evaluation file has too few samples for one inference.", "too_few")
        return [], list(range(feeds))

    def _check_names(self, arrays: Iterable[str], *, names: set[str]) -> None:
        missing, unknown = sorted(names - set(arrays)), sorted(set(arrays) - names)
        listed = ", ".join(sorted(names))
        if missing:
            raise self._refuse(
                f'The {self.role} file has no array "{missing[0]}"; the inputs are {listed}.', "missing_input"
            )
        if unknown:
            message = f'The {self.role} file has an array "{unknown[0]}", which is no input; the inputs are {listed}.'
            raise self._refuse(message, "unknown_input")

    def _check_array(
        self, array: Array, *, spec: TensorSpec, axis: int | None, is_whole: bool
    ) -> list[tuple[int | str, int]]:
        """Return the pairs (wanted, given) of extents, the number of samples left out."""
        if array.dtype != np.dtype(spec.dtype):
            message = f'The {self.role} array "{spec.name}" is {array.dtype}; the model wants {spec.dtype}.'
            raise self._refuse(message, "dtype")
        wanted = spec.shape if is_whole or axis is None else (*spec.shape[:axis], *spec.shape[axis + 1 :])
        fits = array.ndim == len(wanted) + 1 and all(
            want == got or (isinstance(want, str) and got > 0)
            for want, got in zip(wanted, array.shape[1:], strict=True)
        )
        if not fits:
            shown = ", ".join(str(extent) for extent in ("samples", *wanted))
            message = f'The {self.role} array "{spec.name}" has the shape {array.shape}; the model wants ({shown}).'
            raise self._refuse(message, "shape")
        return list(zip(wanted, array.shape[1:], strict=True))

    def _check_shared_extents(self, shapes: Mapping[str, list[tuple[int | str, int]]]) -> None:
        sizes: dict[str, int] = {}
        for name, pairs in shapes.items():
            for want, got in pairs:
                if isinstance(want, str) and sizes.setdefault(want, got) != got:
                    message = f'The extent "{want}" is {sizes[want]} in one {self.role} array and {got} in "{name}".'
                    raise self._refuse(message, "shape")

    def _check_lengths(self, arrays: Mapping[str, Array], *, labels: Array | None) -> int:
        lengths = {name: len(array) for name, array in arrays.items()}
        if not lengths:
            raise self._refuse(f"The {self.role} file has one value for all samples, and no samples.", "too_few")
        count, limit = next(iter(lengths.values())), self.limits.calibration_samples
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f'"{name}" {length}' for name, length in lengths.items())
            raise self._refuse(f"The {self.role} arrays differ in their number of samples: {shown}.", "shape")
        if count > limit:
            raise self._refuse(f"The {self.role} file has {count} samples; at most {limit} are accepted.", "too_large")
        if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (count,)):
            message = f"The {self.role} labels are {labels.dtype} of the shape {labels.shape}; wanted are {count} integers (int64)."
            raise self._refuse(message, "labels")
        return count

    def _check_finite(self, name: str, array: Array) -> None:
        if array.dtype.kind != "f":
            return
        for start in range(0, len(array), _FINITE_CHUNK):
            if not np.isfinite(array[start : start + _FINITE_CHUNK]).all():
                last = start + _FINITE_CHUNK - 1
                message = f'The {self.role} array "{name}" has NaN or infinity in samples {start} to {last}.'
                raise self._refuse(message, "not_finite")

    def _refuse(self, message: str, rule: str) -> ModelRefused:
        return ModelRefused(message, reason=f"{self.role}_{rule}")
