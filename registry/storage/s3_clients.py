"""Clients of any S3 server: settings that every known server accepts, and the meaning of its refusals.

boto3 and minio cost tens of megabytes, so this module is imported only where an S3 store is configured.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from minio import Minio
from minio.error import MinioException, S3Error

from registry.storage import StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_SECONDS: Final = 5
READ_TIMEOUT_SECONDS: Final = 60
MAX_ATTEMPTS: Final = 4

_NO_ROOM: Final = frozenset({"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})


@dataclass(frozen=True)
class S3Access:
    """The place of a bucket and the credentials for it; the secret never shows in a log."""

    bucket: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    public_endpoint_url: str | None = None
    region: str = "us-east-1"

    def connect(self) -> "S3Client":
        """Return the client that workers read and write with."""
        return self._client(self.endpoint_url)

    def connect_public(self) -> "S3Client":
        """Return the client that signs URLs for devices; it never sends a request."""
        return self._client(self.public_endpoint_url or self.endpoint_url)

    def _client(self, endpoint_url: str) -> "S3Client":
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            # botocore's newer default adds checksums in trailers that many other servers than AWS refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "max_attempts": MAX_ATTEMPTS},
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
        )
        # A session of its own: the default one is shared by threads, which boto3 does not allow while making clients.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=self.region,
            config=config,
        )


def ensure_bucket(access: S3Access) -> None:
    """Make the bucket where it does not exist; safe for several processes at once.

    Raises:
        StoreUnavailable: The server cannot be reached or does not let us.
    """
    try:
        client = _connect_to_make(access)
        if not client.bucket_exists(access.bucket):
            _make_bucket(client, access)
    except (MinioException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise StoreUnavailable(f"Cannot make the bucket {access.bucket!r}: {_describe(error)}.") from error


def _connect_to_make(access: S3Access) -> Minio:
    address = urlsplit(access.endpoint_url)
    timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS)
    return Minio(
        address.netloc,
        access_key=access.access_key_id,
        secret_key=access.secret_access_key,
        secure=address.scheme == "https",
        region=access.region,
        http_client=urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(total=2, backoff_factor=0.2)),
    )


def _make_bucket(client: Minio, access: S3Access) -> None:
    try:
        client.make_bucket(access.bucket, location=access.region)
    except MinioException:
        if not client.bucket_exists(access.bucket):  # else another process was faster
            raise


def _describe(error: Exception) -> str:
    """Name the trouble by the server's code or the error's class; the text of the error may quote address or credentials."""
    if isinstance(error, S3Error):
        return f"the object store answers {error.code}"
    if isinstance(error, MinioException):
        return f"what answers does not speak S3 ({type(error).__name__})"
    if isinstance(error, urllib3.exceptions.HTTPError):
        cause = getattr(error, "reason", None) or error
        return f"no object store answers ({type(cause).__name__})"
    return "the settings are refused before anything is sent"


@contextmanager
def named_s3_errors(action: str) -> Iterator[None]:
    """Turn what the server or the network answers into the store's errors.

    Raises:
        StoreFull: The server has no room, or its quota is used up.
        StoreUnavailable: Anything else; the sentence has the server's code and no address.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        is_full = code in _NO_ROOM or error_status(error) == 507 or code.endswith("QuotaExceeded")
        refusal = StoreFull if is_full else StoreUnavailable
        raise refusal(f"Cannot {action}: the object store answers {code}.") from error
    except (BotoCoreError, urllib3.exceptions.HTTPError) as error:
        raise StoreUnavailable(f"Cannot {action}: {type(error).__name__} from the object store.") from error


def error_code(error: ClientError) -> str:
    """Return the server's own code, or the HTTP status where a HEAD had no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_status(error: ClientError) -> int:
    """Return the HTTP status."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
