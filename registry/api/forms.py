"""Multipart forms with files."""

from collections.abc import Mapping
from typing import Any

from rest_framework.parsers import MultiPartParser

from registry.upload_limits import drop_unfinished


class FormParser(MultiPartParser):
    """DRF's parser of multipart forms, for every view that takes files: a form that ends early leaves no file."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Parse the form.

        Raises:
            UnreadablePostError: The body ended early.
            UploadTooLarge: The cap is passed.
        """
        try:
            return super().parse(stream, media_type=media_type, parser_context=parser_context)
        except Exception:
            if parser_context is not None:
                drop_unfinished(parser_context["request"]._request)  # noqa: SLF001 - DRF's way to Django's request
            raise
