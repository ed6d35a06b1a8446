"""Calls prctl(2) for the two options that the standard library does not offer."""

import ctypes
import os

SET_PDEATHSIG = 1
SET_CHILD_SUBREAPER = 36


def call(option: int, value: int) -> None:
    """Set an attribute of this process.

    Raises:
        OSError: when the kernel refuses.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value}): {os.strerror(number)}")
