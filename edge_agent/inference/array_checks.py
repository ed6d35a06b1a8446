"""What goes into a model and what may come out of it: pure checks of arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.inference.session import InferenceFailed, RuntimeFailed, Session

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


class BadInput(RuntimeFailed):
    """The input does not fit the model; this is the caller's mistake and counts for nothing."""

    code = "bad_input"


def fit(inputs: NDArray[Any] | Mapping[str, NDArray[Any]], *, session: Session) -> dict[str, NDArray[Any]]:
    """Return the arrays as the model takes them: by name, of its number types, with a batch axis.

    Raises:
        BadInput: a name, a number type or a shape does not fit.
    """
    if not isinstance(inputs, Mapping):
        if len(session.inputs) != 1:
            message = f"give arrays by name: {list(session.inputs)}"
            raise BadInput(message)
        inputs = {next(iter(session.inputs)): inputs}
    if inputs.keys() != session.inputs.keys():
        message = f"the inputs are {list(session.inputs)}, not {list(inputs)}"
        raise BadInput(message)
    return {name: _fit_one(name, array, *session.inputs[name]) for name, array in inputs.items()}


def _fit_one(name: str, given: Any, kind: str, shape: list[Any]) -> NDArray[Any]:
    try:
        array = np.asarray(given, dtype=NUMPY_TYPES.get(kind))
    except (ValueError, TypeError) as error:
        message = f"input {name} is no {kind}: {error}"
        raise BadInput(message) from error
    if array.ndim == len(shape) - 1:
        array = array[np.newaxis]
    fits = array.ndim == len(shape) and all(
        not isinstance(wanted, int) or wanted == size for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not fits or array.size == 0:
        message = f"input {name} has shape {list(array.shape)}, the model wants {shape}"
        raise BadInput(message)
    return array


def check_finite(outputs: Mapping[str, NDArray[Any]]) -> None:
    """Refuse outputs that are no numbers.

    Raises:
        InferenceFailed: an output holds NaN or infinity.
    """
    for name, output in outputs.items():
        if np.issubdtype(output.dtype, np.floating) and not np.isfinite(output).all():
            message = f"output {name} holds NaN or infinity"
            raise InferenceFailed(message)
