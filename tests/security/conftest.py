"""The walk over the authorization matrix prints who got in."""

import os
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the number of cells; with PRINT_MATRIX, the table too (``make matrix``)."""
    from tests.security import matrix

    matrix.report(terminalreporter, with_table="PRINT_MATRIX" in os.environ)
