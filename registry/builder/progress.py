"""Tells people what a worker does: the step with its percent, and the log. Asks whether a person canceled the job."""

import logging
import time
from datetime import UTC, datetime

from django.db import DatabaseError, connection

from registry import jobs
from registry.jobs import JobCancelled, Lease

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_WRITES = 1.0


class Progress:
    """The progress of one job, written at most once a second. Trouble of the database costs news, and not the work."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._shown: tuple[str, int | None] = ("", None)
        self._lines: list[str] = []
        self._written_at = self._asked_at = -_SECONDS_BETWEEN_WRITES
        self._is_cancelled = False

    def begin(self, step: str) -> None:
        """Begin a step of the worker itself, and show it at once.

        Raises:
            JobCancelled: A person canceled the job.
        """
        self._show(step, None)
        self._write()
        self._asked_at = -_SECONDS_BETWEEN_WRITES
        if self.is_cancelled():
            raise JobCancelled(f"The job {self._lease.job.pk} was canceled.")

    def on_progress(self, step: str, done: float | None) -> None:
        """Take a report of the sandbox: a step, and the part of it that is done (0 to 1), or None."""
        self._show(step, None if done is None else int(done * 100))
        if time.monotonic() - self._written_at >= _SECONDS_BETWEEN_WRITES:
            self._write()

    def log(self, line: str) -> None:
        """Add a line to the log; it is written with the next step."""
        self._lines.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")

    def is_cancelled(self) -> bool:
        """Say whether the work is of no use any more; the database is asked at most once a second."""
        if time.monotonic() - self._asked_at >= _SECONDS_BETWEEN_WRITES:
            self._asked_at = time.monotonic()
            try:
                self._is_cancelled = jobs.is_cancelled(self._lease)
            except DatabaseError as error:
                self._forget(error)
        return self._is_cancelled

    def flush(self) -> None:
        """Write what was not written yet."""
        self._write()

    def _show(self, step: str, percent: int | None) -> None:
        if step != self._shown[0]:
            self.log(step)
        self._shown = (step, percent)

    def _write(self) -> None:
        self._written_at = time.monotonic()
        (step, percent), log = self._shown, "".join(self._lines)
        try:
            jobs.report(self._lease, step, percent=percent, log=log)
            self._lines.clear()
        except DatabaseError as error:
            self._forget(error)

    def _forget(self, error: DatabaseError) -> None:
        logger.warning("job %s: cannot write its progress: %s", self._lease.job.pk, type(error).__name__)
        connection.close()
