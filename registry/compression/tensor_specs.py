"""The inputs and outputs of a model as plain data: name, dtype (numpy's name) and shape (symbolic extents as strings)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    """How many samples one inference takes: ``size``, and whether any other number would do too."""

    size: int
    is_free: bool


def find_batch(inputs: Iterable[TensorSpec]) -> Batch | None:
    """Return the batch that all inputs share on their first axis, or None where they share none."""
    firsts = [spec.shape[0] if spec.shape else None for spec in inputs]
    if not firsts or None in firsts:
        return None
    fixed = {extent for extent in firsts if isinstance(extent, int)}
    if not fixed:
        return Batch(1, is_free=True)
    return Batch(fixed.pop(), is_free=False) if len(fixed) == 1 else None


def free_extents(inputs: Sequence[TensorSpec]) -> list[str]:
    """Return the names of free extents other than the first axis, sorted."""
    return sorted({extent for spec in inputs for extent in spec.shape[1:] if isinstance(extent, str)})
