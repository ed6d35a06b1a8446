"""The type of arrays in the child. The model decides their dtype, so it is known only at run time."""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
