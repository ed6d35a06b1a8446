"""Renews a lease from a thread of its own, while the thread of the job waits for the sandbox."""

import logging
import threading
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError, connection

from registry import jobs
from registry.jobs import Lease

logger = logging.getLogger(__name__)

_BEATS_PER_LEASE = 6


class Heartbeat:
    """Renews a lease while its block runs. A lost lease is logged here; ``jobs.finish`` then refuses the end of the job."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease of job {lease.job.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        interval_seconds = settings.BUILD_LEASE.total_seconds() / _BEATS_PER_LEASE
        try:
            while not self._stopped.wait(interval_seconds):
                if not self._renew():
                    logger.warning("job %s: the lease is lost", self._lease.job.pk)
                    return
        finally:
            # The thread has a connection of its own, which no other code closes.
            connection.close()

    def _renew(self) -> bool:
        try:
            return jobs.renew(self._lease)
        except DatabaseError as error:
            # The database may be back before the lease ends.
            logger.warning("job %s: cannot renew the lease: %s", self._lease.job.pk, type(error).__name__)
            connection.close()
            return True
