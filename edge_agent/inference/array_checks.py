"""Checks of the arrays that go into a model and come out of it. Pure functions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_agent.inference.failures import InferenceFailed, RuntimeFailed

# An array of any number type: which one, only the model knows.
Array = NDArray[np.generic]

NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


class InputSpec(NamedTuple):
    """An input as the model declares it: ONNX Runtime's name of the number type, and one entry per axis.

    An axis of any size is a name or None.
    """

    kind: str
    shape: Sequence[int | str | None]


class BadInput(RuntimeFailed):
    """The input does not fit the model. This is the caller's mistake, so it does not count against the model."""

    code = "bad_input"


def fit(inputs: ArrayLike | Mapping[str, ArrayLike], *, wanted: Mapping[str, InputSpec]) -> dict[str, Array]:
    """Return the arrays as the model takes them: by name, of its number types, with a batch axis.

    Raises:
        BadInput: a name, a number type or a shape does not fit.
    """
    if not isinstance(inputs, Mapping):
        if len(wanted) != 1:
            message = f"give arrays by name: {list(wanted)}"
            raise BadInput(message)
        inputs = {next(iter(wanted)): inputs}
    if inputs.keys() != wanted.keys():
        message = f"the inputs are {list(wanted)}, not {list(inputs)}"
        raise BadInput(message)
    return {name: _fit_one(name, array, spec=wanted[name]) for name, array in inputs.items()}


def _fit_one(name: str, given: ArrayLike, *, spec: InputSpec) -> Array:
    try:
        array: Array = np.asarray(given, dtype=NUMPY_TYPES.get(spec.kind))
    except (ValueError, TypeError) as error:
        message = f"input {name} is no {spec.kind}: {error}"
        raise BadInput(message) from error
    if array.ndim == len(spec.shape) - 1:
        array = array[np.newaxis]
    fits = array.ndim == len(spec.shape) and all(
        not isinstance(wanted, int) or wanted == size for wanted, size in zip(spec.shape, array.shape, strict=True)
    )
    if not fits or array.size == 0:
        message = f"input {name} has shape {list(array.shape)}, the model wants {list(spec.shape)}"
        raise BadInput(message)
    return array


def check_finite(outputs: Mapping[str, Array]) -> None:
    """Refuse outputs that hold NaN or infinity.

    Raises:
        InferenceFailed: an output does; the message names it.
    """
    for name, output in outputs.items():
        if np.issubdtype(output.dtype, np.floating) and not np.isfinite(output).all():
            message = f"output {name} holds NaN or infinity"
            raise InferenceFailed(message)
