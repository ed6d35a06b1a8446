"""The object store that the settings choose."""

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from registry.storage import BlobStore, StoreUnavailable
from registry.storage.directory import DirectoryStore

if TYPE_CHECKING:
    from registry.storage.s3 import S3Store

S3_SETTINGS = "S3_ENDPOINT_URL, S3_BUCKET, S3_REGION, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"


@cache
def blob_store(site_url: str | None = None) -> BlobStore:
    """Return the store; its signed links are for callers that reached this server at ``site_url``."""
    if settings.S3_ENDPOINT_URL:
        return _s3_store()
    return DirectoryStore(
        settings.MODELFLEET_HOME / "blobs", secret=settings.SECRET_KEY.encode(), public_url=_files_url(site_url)
    )


@cache
def _s3_store() -> "S3Store":
    # boto3 costs 0.3 s and 40 MB that a directory does not need.
    from registry.storage.s3 import S3Store  # noqa: PLC0415
    from registry.storage.s3_clients import S3Access  # noqa: PLC0415

    return S3Store(
        S3Access(
            bucket=settings.S3_BUCKET,
            endpoint_url=settings.S3_ENDPOINT_URL or "",
            public_endpoint_url=settings.S3_PUBLIC_ENDPOINT_URL,
            access_key_id=settings.S3_ACCESS_KEY_ID or "",
            secret_access_key=settings.S3_SECRET_ACCESS_KEY or "",
            region=settings.S3_REGION,
        )
    )


def _files_url(site_url: str | None) -> str:
    if settings.FILES_PUBLIC_URL:
        return str(settings.FILES_PUBLIC_URL)
    site = urlsplit(site_url or f"http://127.0.0.1:{settings.FILES_PORT}")
    host = f"[{site.hostname}]" if site.hostname and ":" in site.hostname else site.hostname
    return f"{site.scheme}://{host}:{settings.FILES_PORT}"


def make_ready() -> None:
    """Make the bucket where the store is S3; a directory is made by its first write.

    Raises:
        StoreUnavailable: The bucket cannot be made; the sentence names the settings to check.
    """
    if settings.S3_ENDPOINT_URL:
        try:
            _s3_store().ensure_bucket()
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{error.detail} Check {S3_SETTINGS}.") from error
