"""The requests that Django sees: UTF-8 whatever charset they name, and cookies of text."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters


class TextRequest(WSGIRequest):
    """A request whose ``charset`` is not used. Django would decode the query with it, and ``zlib`` is no charset of text."""

    @cached_property
    def COOKIES(self) -> dict[str, str]:  # type: ignore[override]  # noqa: N802 - Django's name; an attribute in its stubs
        """The cookies, without those that contain NUL: PostgreSQL cannot look up such a session."""
        return {name: value for name, value in super().COOKIES.items() if "\0" not in value}

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):
            # A type that cannot be read is none; views that need one answer 415.
            self.content_type, self.content_params = "", {}


class TextHandler(WSGIHandler):
    """Django's handler, which makes the requests."""

    request_class = TextRequest
