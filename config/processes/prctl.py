"""The two calls of prctl(2) that Python has no name for."""

import ctypes
import os

SET_PDEATHSIG = 1
SET_CHILD_SUBREAPER = 36


def call(option: int, value: int) -> None:
    """Set one of this process's attributes; the parent-death signal counts from the thread that started us."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value}): {os.strerror(number)}")
