"""The type of arrays in the child: their dtype is the model's, and known only when the model is read."""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
