"""Rounds weights to signed integers with one scale for each output channel. Pure functions of arrays."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from registry.compression.arrays import Array

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class QuantizedWeight:
    """Integers in the shape of the weight, and a scale for each index of ``axis``: weight ≈ integers · scale."""

    integers: Integers
    # One-dimensional.
    scales: Floats
    axis: int
    method: Literal["gptq", "rounding"] = "rounding"

    @property
    def broadcast_scales(self) -> Floats:
        """The scales in a shape that multiplies the integers."""
        return along(self.scales, axis=self.axis, rank=self.integers.ndim)


def round_weight(weight: Array, *, axis: int, bits: int = 8) -> QuantizedWeight:
    """Round to nearest."""
    scales = channel_scales(weight, axis=axis, bits=bits)
    top = top_level(bits)
    integers = np.clip(np.rint(weight / along(scales, axis=axis, rank=weight.ndim)), -top, top)
    return QuantizedWeight(integers=integers.astype(np.int8), scales=scales, axis=axis)


def channel_scales(weight: Array, *, axis: int, bits: int) -> Floats:
    """Return absmax / (2^(bits-1) - 1) for each index of ``axis``; a channel of zeros has the scale 1."""
    others = tuple(index for index in range(weight.ndim) if index != axis)
    largest = np.abs(weight).max(axis=others)
    return np.where(largest > 0, largest / top_level(bits), 1.0).astype(np.float32)


def top_level(bits: int) -> int:
    """Return the highest integer of this many bits; the lowest is its negative, so that 0 stays 0."""
    return (1 << (bits - 1)) - 1


def along(values: Floats, *, axis: int, rank: int) -> Floats:
    """Return a vector in the shape that multiplies an array of ``rank`` along ``axis``."""
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)
