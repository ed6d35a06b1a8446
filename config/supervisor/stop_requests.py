"""Tells a second request to stop from a repetition of the first. Reads no clock and handles no signal."""

# A service manager signals the whole process group, and make forwards its own signal: one request arrives twice.
REPETITION_SECONDS = 2.0


class StopRequests:
    """The requests to stop that one run has received."""

    def __init__(self) -> None:
        self._first_at: float | None = None
        self._is_urgent = False

    @property
    def is_stopping(self) -> bool:
        """Whether a request has arrived."""
        return self._first_at is not None

    @property
    def is_urgent(self) -> bool:
        """Whether a second request has arrived: stop at once, without grace."""
        return self._is_urgent

    def note(self, *, at: float) -> None:
        """Record a request. `at` is in seconds on the monotonic clock."""
        if self._first_at is None:
            self._first_at = at
        elif at - self._first_at > REPETITION_SECONDS:
            self._is_urgent = True
