"""The id of the request that is being served, for log lines and answers."""

import logging
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIdFilter(logging.Filter):
    """Give every log record the id of the request it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.request_id``."""
        record.request_id = current.get()
        return True
