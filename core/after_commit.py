"""Queue a Celery task after the transaction has committed; a worker would not find rows that are not committed yet."""

import logging
from typing import Protocol

from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


class Task(Protocol):
    """A Celery task, as far as it is used here; Celery has no types of its own."""

    @property
    def name(self) -> str:
        """The name that workers know the task by."""

    def apply_async(self, *, args: tuple[object, ...], retry: bool) -> object:
        """Send the task to the broker."""


def queue_after_commit(task: Task, *args: object) -> None:
    """Send a Celery task after the current transaction has committed; without a transaction, now.

    A broker that cannot be reached is logged only. The row says that the work is due, and beat queues it again.
    """

    def send() -> None:
        try:
            task.apply_async(args=args, retry=False)
        except OperationalError:
            logger.warning("broker unreachable; beat will queue %s%r again", task.name, args)

    transaction.on_commit(send)
