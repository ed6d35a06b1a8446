"""The wait after a failure: exponential with jitter, so that a fleet does not come back in step.

Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015 ("equal jitter").
"""

import random

# 2³² seconds are above every limit. Without this bound the power would overflow after 1,024 failures in a row.
MOST_DOUBLINGS = 32


class Backoff:
    """Waits that grow from `first_seconds` to `most_seconds`; each is drawn between half of its ceiling and all of it."""

    def __init__(self, *, first_seconds: float = 1.0, most_seconds: float) -> None:
        self._first_seconds = min(first_seconds, most_seconds)
        self._most_seconds = most_seconds
        self._random = random.Random()  # noqa: S311
        self.failures = 0

    def next_seconds(self, *, at_least: float | None = None) -> float:
        """Count a failure and return the wait; it is never shorter than the server's own wish (`Retry-After`)."""
        ceiling = min(self._most_seconds, self._first_seconds * 2.0 ** min(self.failures, MOST_DOUBLINGS))
        self.failures += 1
        return max(self._random.uniform(ceiling / 2, ceiling), at_least or 0.0)

    def reset(self) -> None:
        """Forget the failures, after a success."""
        self.failures = 0
