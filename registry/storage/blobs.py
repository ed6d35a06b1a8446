"""Blobs: store bytes together with their row, fetch them, and sign links to them."""

from pathlib import Path

from django.conf import settings

from registry.models import Blob
from registry.storage import StoredBlob, configured_store


def keep(source: Path) -> Blob:
    """Store a file. The bytes come first, then the row, so that every row has its bytes."""
    return _row(configured_store.blob_store().put(source))


def keep_bytes(data: bytes) -> Blob:
    """Store bytes as ``keep`` does."""
    return _row(configured_store.blob_store().put_bytes(data))


def fetch(blob: Blob, destination: Path) -> Path:
    """Copy a blob to a file, its digest checked on the way."""
    configured_store.blob_store().fetch(blob.sha256, destination)
    return destination


def link(blob: Blob, *, filename: str, site_url: str) -> str:
    """Return a signed address of the blob for a caller that reached this server at ``site_url``."""
    store = configured_store.blob_store(site_url)
    return store.url(blob.sha256, filename=filename, expires_seconds=settings.DOWNLOAD_URL_SECONDS)


def _row(stored: StoredBlob) -> Blob:
    row, _ = Blob.objects.get_or_create(sha256=stored.sha256, defaults={"size": stored.size})
    return row
