"""Requests are UTF-8, whatever charset they name."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Utf8Request(WSGIRequest):
    """A request whose ``charset`` is not used. Django would decode the query with it, and ``zlib`` is no charset of text."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):
            # A type that cannot be read is none; views that need one answer 415.
            self.content_type, self.content_params = "", {}


class Utf8Handler(WSGIHandler):
    """Django's handler, which makes the requests."""

    request_class = Utf8Request
