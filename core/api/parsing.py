"""JSON bodies of bounded size and depth."""

import io
from typing import Any, ClassVar

from rest_framework import exceptions, parsers

from core.errors import DomainError, Kind
from core.formats.json_depth import TOO_DEEP, is_too_deep


class BodyTooLarge(DomainError):
    """The body is larger than any that makes sense here."""

    code = "too_large"
    kind = Kind.TOO_LARGE


class BoundedJSONParser(parsers.JSONParser):
    """Reads JSON. The longest that people send is a rollout that names ten thousand devices."""

    max_bytes: ClassVar[int] = 4 * 1024 * 1024

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Read the body.

        Raises:
            BodyTooLarge: It is longer than ``max_bytes``.
            ParseError: It is no JSON, or nested too deep.
        """
        length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if length > self.max_bytes:
            raise BodyTooLarge(f"The body has {length} bytes; at most {self.max_bytes} are taken.")
        body = stream.read()
        if is_too_deep(body):
            raise exceptions.ParseError(TOO_DEEP)
        return super().parse(io.BytesIO(body), media_type, parser_context)
