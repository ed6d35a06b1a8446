"""Read JSON bodies of limited size and depth."""

import io
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from rest_framework import exceptions, parsers

from core.errors import DomainError, Kind
from core.formats.json_depth import TOO_DEEP, is_too_deep


class BodyTooLarge(DomainError):
    """The body is longer than the endpoint allows."""

    code = "too_large"
    kind = Kind.TOO_LARGE


class BoundedJSONParser(parsers.JSONParser):
    """Reads a JSON body of at most ``max_bytes``. The default is enough for a list of ten thousand names."""

    max_bytes: ClassVar[int] = 4 * 1024 * 1024

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Read the body.

        Raises:
            BodyTooLarge: The body is longer than ``max_bytes``.
            ParseError: The body is not JSON, or nests too deep.
        """
        length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if length > self.max_bytes:
            raise BodyTooLarge(f"The body has {length} bytes; at most {self.max_bytes} are taken.")
        body = stream.read()
        if is_too_deep(body):
            raise exceptions.ParseError(TOO_DEEP)
        return super().parse(io.BytesIO(body), media_type, parser_context)
