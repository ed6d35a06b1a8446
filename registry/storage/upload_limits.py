"""Multipart uploads stream to a temporary file, and stop at the size limit before they fill the disk."""

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest

from core.errors import DomainError, Kind


class UploadTooLarge(DomainError):
    """The file is larger than MAX_UPLOAD_BYTES."""

    code = "upload_too_large"
    kind = Kind.TOO_LARGE


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Counts the bytes of all files of a request."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._received_bytes = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Write one chunk.

        Raises:
            UploadTooLarge: The cap is passed; what was written is removed.
        """
        self._received_bytes += len(raw_data)
        if self._received_bytes > settings.MAX_UPLOAD_BYTES:
            self.upload_interrupted()
            raise UploadTooLarge(f"Uploads are limited to {settings.MAX_UPLOAD_BYTES} bytes in all (MAX_UPLOAD_BYTES).")
        return super().receive_data_chunk(raw_data, start)
