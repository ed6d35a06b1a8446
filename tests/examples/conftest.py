"""Makes the modules of examples/digits importable as its scripts import each other."""

import sys
from pathlib import Path

import pytest

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
sys.path.insert(0, str(DIGITS))


@pytest.fixture
def digits_folder() -> Path:
    return DIGITS
