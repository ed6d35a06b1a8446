"""Run something after the transaction has committed, and only then."""

import logging
from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def queue_after_commit(task: Any, *args: object) -> None:
    """Send a Celery task once the current transaction is durable.

    A broker that cannot be reached loses nothing: the row is the truth and beat queues it again, so it is logged only.
    """

    def send() -> None:
        try:
            task.apply_async(args=args, retry=False)
        except OperationalError:
            logger.warning("broker unreachable; beat will queue %s%r again", task.name, args)

    transaction.on_commit(send)
