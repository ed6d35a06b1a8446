"""Delivering the reports that wait in a model's journal, in their order, for as long as it takes."""

import logging

from edge_agent.server.client import Client
from edge_agent.server.failures import Forbidden, ServerRefusal, Unauthorized
from edge_agent.update.journal import Journal

log = logging.getLogger(__name__)


def deliver(journal: Journal, *, client: Client) -> None:
    """Send the reports that wait; a report is forgotten only after the server's answer.

    Raises:
        ServerTrouble: try again later; a report that was answered is not sent again.
        ServerRefusal: 401 or 403: the device may not report now. Any other refusal is final for its report.
    """
    has_changed = False
    try:
        while journal.outbox:
            report = journal.outbox[0]
            try:
                client.report(report)
            except (Unauthorized, Forbidden):
                raise
            except ServerRefusal:
                # The same report would be refused again, and would hold up all that come after it.
                log.exception("report dropped: %s", report)
                journal.reports_dropped += 1
            journal.outbox.pop(0)
            has_changed = True
    finally:
        # Once for all reports, not once for each: flash wears. A cut before this sends them again, which the server allows.
        if has_changed:
            journal.save()
