"""Delivering the reports that wait in a model's outbox, in their order, for as long as it takes."""

import logging

from edge_agent.server.client import Client, Forbidden, ServerRefusal, Unauthorized
from edge_agent.update.journal import Journal

log = logging.getLogger(__name__)


def deliver(journal: Journal, *, client: Client) -> int:
    """Send what waits and return how many were delivered; a report is forgotten only after its answer.

    Raises:
        ServerTrouble: try again later; what was answered is not sent again.
        ServerRefusal: 401 or 403.
    """
    delivered = 0
    try:
        while journal.outbox:
            report = journal.outbox[0]
            try:
                client.report(report)
            except (Unauthorized, Forbidden):
                raise
            except ServerRefusal:
                log.exception("report dropped: %s", report)
                journal.reports_dropped += 1
            journal.outbox.pop(0)
            delivered += 1
    finally:
        if delivered:
            journal.save()
    return delivered
