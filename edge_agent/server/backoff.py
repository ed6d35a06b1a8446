"""How long to wait after a failure: exponential with full jitter, so that a fleet does not come back in step.

Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015 ("full jitter"), with a floor.
"""

import random


class Backoff:
    """Waits that grow from `first_seconds` to `most_seconds`, each drawn between half and all of its ceiling."""

    def __init__(self, *, first_seconds: float = 1.0, most_seconds: float = 300.0) -> None:
        self._first_seconds = min(first_seconds, most_seconds)
        self._most_seconds = most_seconds
        self._random = random.Random()  # noqa: S311
        self.failures = 0

    def next_seconds(self, *, at_least: float | None = None) -> float:
        """Count a failure and return the wait; the server's own wish (`Retry-After`) is its lower bound."""
        ceiling = min(self._most_seconds, self._first_seconds * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return max(self._random.uniform(ceiling / 2, ceiling), at_least or 0.0)

    def reset(self) -> None:
        """Forget the failures after a success."""
        self.failures = 0
