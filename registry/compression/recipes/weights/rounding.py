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
        shape = [1] * self.integers.ndim
        shape[self.axis] = -1
        return self.scales.reshape(shape)


def round_weight(weight: Array, *, axis: int, bits: int = 8) -> QuantizedWeight:
    """Round to nearest with the scale absmax / (2^(bits-1) - 1) for each index of ``axis``."""
    others = tuple(index for index in range(weight.ndim) if index != axis)
    scales = choose_steps(weight, axes=others, bits=bits)
    return QuantizedWeight(integers=to_integers(weight, scales, bits=bits), scales=scales.ravel(), axis=axis)


def choose_steps(weight: Array, *, axes: tuple[int, ...], bits: int) -> Floats:
    """Return absmax / (2^(bits-1) - 1) over ``axes``, which are kept with an extent of 1; zeros have the step 1."""
    largest = np.abs(weight).max(axis=axes, keepdims=True)
    return np.where(largest > 0, largest / top_level(bits), 1.0).astype(np.float32)


def to_integers(weight: Array, steps: Floats, *, bits: int) -> Integers:
    """Round ``weight / steps`` to nearest."""
    top = top_level(bits)
    integers: Integers = np.clip(np.rint(weight / steps), -top, top).astype(np.int8)
    return integers


def top_level(bits: int) -> int:
    """Return the highest integer of this many bits; the lowest is its negative, so that 0 stays 0."""
    return (1 << (bits - 1)) - 1
