"""The inputs and outputs of a model as plain data: name, dtype (numpy's name) and shape (symbolic extents as strings)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypedDict


class TensorBody(TypedDict):
    """An input or output as the manifest and the API show it."""

    name: str
    dtype: str
    shape: list[int | str]


@dataclass(frozen=True)
class TensorSpec:
    """One input or output; an extent is a number, or the name of a free one."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def to_json(self) -> TensorBody:
        """Return the shape that the manifest and the API show."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, body: TensorBody) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(body["name"], body["dtype"], tuple(body["shape"]))

    def resolve(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape with free extents filled in; an unknown one is 1."""
        return tuple(extent if isinstance(extent, int) else sizes.get(extent, 1) for extent in self.shape)


@dataclass(frozen=True)
class Batch:
    """How many samples one inference takes: ``size``, and whether any other number would do too.

    ``axes`` gives the axis of the samples per input, and None for an input without one, such as a sampling rate.
    """

    size: int
    is_free: bool
    axes: Mapping[str, int | None] = field(default_factory=dict)


def find_batch(inputs: Iterable[TensorSpec]) -> Batch:
    """Return the batch that all inputs share on their first axis.

    Where they share none, as in a model with state (2, N, 128) or a scalar input, one inference takes one sample, and each input
    has its samples on the axis named as another input's first, else on its first free axis, else on its first of extent 1.
    """
    specs = tuple(inputs)
    names = {spec.shape[0] for spec in specs if spec.shape and isinstance(spec.shape[0], str)}
    fixed = {spec.shape[0] for spec in specs if spec.shape and isinstance(spec.shape[0], int)}
    if len(fixed) <= 1 and all(spec.shape and not (names and _has_state(spec)) for spec in specs):
        size = next(iter(fixed), 1)
        return Batch(size, is_free=not fixed, axes=dict.fromkeys((spec.name for spec in specs), 0))
    return Batch(1, is_free=False, axes={spec.name: _find_sample_axis(spec, names=names) for spec in specs})


def _has_state(spec: TensorSpec) -> bool:
    """Say whether an input keeps its samples on a later axis than the first, as the state of an LSTM does."""
    return (
        isinstance(spec.shape[0], int) and spec.shape[0] > 1 and any(isinstance(extent, str) for extent in spec.shape)
    )


def free_extents(inputs: Sequence[TensorSpec]) -> list[str]:
    """Return the names of free extents other than those of the samples, sorted."""
    axes = find_batch(inputs).axes
    of_samples = {spec.shape[axis] for spec in inputs if (axis := axes[spec.name]) is not None}
    return sorted({extent for spec in inputs for extent in spec.shape if isinstance(extent, str)} - of_samples)


def _find_sample_axis(spec: TensorSpec, *, names: set[str]) -> int | None:
    tests = (lambda extent: extent in names, lambda extent: isinstance(extent, str), lambda extent: extent == 1)
    found = (axis for test in tests for axis, extent in enumerate(spec.shape) if test(extent))
    return next(found, None)
