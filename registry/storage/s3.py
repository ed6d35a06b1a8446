"""The production blob store: one bucket of any S3 server.

Storing is: 1. hash the file; 2. leave if an object of that content is there; 3. send it, in parts where it is
big, hashing again; 4. publish it only if that is still the same digest. An ETag is never taken for an identity: it is
not a digest for objects that were sent in parts.
"""

import base64
import functools
import hashlib
import io
import math
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from botocore.exceptions import ClientError

from registry.storage import BlobMissing, StoredBlob, StoreUnavailable, blob_key
from registry.storage.copying import copy_hashed, copy_verified, named_disk_errors
from registry.storage.links import content_disposition
from registry.storage.s3_clients import (
    S3Access,
    ensure_bucket,
    error_code,
    error_status,
    named_s3_errors,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES: Final = 16 * 1024 * 1024

# Limits of the S3 API: 10,000 parts per object, and seven days for a URL signed with SigV4.
_MAX_PARTS: Final = 10_000
_MAX_URL_SECONDS: Final = 7 * 24 * 3600


class S3Store:
    """Blobs in one bucket. Thread-safe; makes no request before the first use."""

    def __init__(self, access: S3Access, *, part_bytes: int = PART_BYTES) -> None:
        """Describe the store.

        Args:
            access: The bucket, its endpoints and credentials.
            part_bytes: Bigger files are sent in parts of this size, one at a time in memory; S3 wants at least 5 MiB.
        """
        self._access = access
        self._bucket = access.bucket
        self._client = access.connect()
        self._public_client = access.connect_public()
        self._part_bytes = part_bytes

    def ensure_bucket(self) -> None:
        """Make the bucket where it does not exist.

        Raises:
            StoreUnavailable: The server cannot be reached or does not let us.
        """
        ensure_bucket(self._access)

    def put(self, source: Path) -> StoredBlob:
        """Store a file's content.

        Raises:
            StoreFull: The server has no room.
            StoreUnavailable: The source cannot be read, it changed meanwhile, or the server refuses.
        """
        with named_disk_errors("read the file to store"), source.open("rb") as file:
            blob = copy_hashed(file)
            file.seek(0)
            return self._store(blob, file)

    def put_bytes(self, data: bytes) -> StoredBlob:
        """Store bytes; raises as `put`."""
        return self._store(StoredBlob(sha256=hashlib.sha256(data).hexdigest(), size=len(data)), io.BytesIO(data))

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading forward; it cannot seek.

        Raises:
            BlobMissing: There is none.
        """
        key = blob_key(sha256)
        with named_s3_errors("read a blob"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_status(error) == 404:
                    self.check()
                    raise _missing(sha256) from error
                raise
        return cast("BinaryIO", answer["Body"])

    def fetch(self, sha256: str, destination: Path) -> None:
        """Copy a blob to a file after hashing it again.

        Raises:
            BlobMissing: There is none.
            BlobCorrupt: Its content has another digest.
        """
        with self.open(sha256) as source, named_s3_errors("read a blob"):
            copy_verified(source, destination, sha256=sha256)

    def exists(self, sha256: str) -> bool:
        """Say whether the blob is there."""
        return self._find_size(sha256) is not None

    def size(self, sha256: str) -> int:
        """Return the size in bytes.

        Raises:
            BlobMissing: There is none.
        """
        size = self._find_size(sha256)
        if size is None:
            raise _missing(sha256)
        return size

    def delete(self, sha256: str) -> None:
        """Remove a blob; one that is not there is no error."""
        with named_s3_errors("remove a blob"):
            self._client.delete_object(Bucket=self._bucket, Key=blob_key(sha256))

    def remove_leftovers(self, *, older_than_seconds: float) -> int:
        """Abort uploads in parts that a killed process left; a server that ends them by itself may list none."""
        limit, removed = datetime.now(UTC) - timedelta(seconds=older_than_seconds), 0
        with named_s3_errors("abort unfinished uploads"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix="sha256/")
            for upload in (upload for page in pages for upload in page.get("Uploads", [])):
                if upload["Initiated"] <= limit:
                    self._abort(upload["Key"], upload_id=upload["UploadId"])
                    removed += 1
        return removed

    def url(self, sha256: str, *, filename: str, expires_seconds: int) -> str:
        """Return a URL signed for the public endpoint, for at most seven days, without looking at the blob."""
        parameters = {
            "Bucket": self._bucket,
            "Key": blob_key(sha256),
            "ResponseContentDisposition": content_disposition(filename),
            "ResponseContentType": "application/octet-stream",
        }
        seconds = min(expires_seconds, _MAX_URL_SECONDS)
        return self._public_client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)

    def check(self) -> None:
        """Ask for the bucket. Called after every 404 too: servers differ in what they answer when the bucket is missing.

        Raises:
            StoreUnavailable: It is not there, or not ours to use.
        """
        with named_s3_errors(f"reach the bucket {self._bucket!r}"):
            self._client.head_bucket(Bucket=self._bucket)

    @functools.cached_property
    def honors_if_none_match(self) -> bool:
        """Say whether the server honors If-None-Match, by a write to a key that no blob has."""
        key = f"probe/{secrets.token_hex(16)}"
        with named_s3_errors("probe the object store"):
            try:
                for _ in range(2):
                    self._client.put_object(Bucket=self._bucket, Key=key, Body=b"", IfNoneMatch="*")
            except ClientError as error:
                if error_status(error) == 412:
                    return True
                if error_status(error) in {400, 501}:  # a server that does not know the header
                    return False
                raise
            finally:
                self._client.delete_object(Bucket=self._bucket, Key=key)
        return False

    def _find_size(self, sha256: str) -> int | None:
        key = blob_key(sha256)
        with named_s3_errors("look for a blob"):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
            except ClientError as error:
                if error_status(error) == 404:
                    self.check()
                    return None
                raise

    def _store(self, blob: StoredBlob, source: BinaryIO) -> StoredBlob:
        if self._holds(blob):
            return blob
        with named_s3_errors("store a blob"):
            if blob.size <= self._part_bytes:
                self._put_whole(blob, source.read(self._part_bytes + 1))
            else:
                self._put_in_parts(blob, source)
        return blob

    def _holds(self, blob: StoredBlob) -> bool:
        """Say whether the object under the digest has that content: the length alone does not show all damage."""
        if self._find_size(blob.sha256) != blob.size:
            return False
        try:
            with self.open(blob.sha256) as stored, named_s3_errors("read a blob"):
                return copy_hashed(stored) == blob
        except BlobMissing:  # removed since its size was asked for
            return False

    def _put_whole(self, blob: StoredBlob, data: bytes) -> None:
        _check_unchanged(blob, hashlib.sha256(data).hexdigest())
        key, checksum = blob_key(blob.sha256), _content_md5(data)
        if not self.honors_if_none_match:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentMD5=checksum)
            return
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentMD5=checksum, IfNoneMatch="*")
        except ClientError as error:
            # 412: another process stored the blob. 409: one is storing it now. The same key can only be the same content.
            if error_status(error) not in {409, 412}:
                raise
            self._mend(blob, data)

    def _mend(self, blob: StoredBlob, data: bytes) -> None:
        """Replace the object under the digest if its content is wrong."""
        if not self._holds(blob):
            self._client.put_object(
                Bucket=self._bucket, Key=blob_key(blob.sha256), Body=data, ContentMD5=_content_md5(data)
            )

    def _put_in_parts(self, blob: StoredBlob, source: BinaryIO) -> None:
        key = blob_key(blob.sha256)
        upload_id = self._client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]
        try:
            parts = self._send_parts(blob, source, upload_id=upload_id)
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            self._abort(key, upload_id=upload_id)
            raise

    def _send_parts(self, blob: StoredBlob, source: BinaryIO, *, upload_id: str) -> "list[CompletedPartTypeDef]":
        hasher, parts = hashlib.sha256(), list["CompletedPartTypeDef"]()
        part_bytes = max(self._part_bytes, math.ceil(blob.size / _MAX_PARTS))
        while data := source.read(part_bytes):
            hasher.update(data)
            number = len(parts) + 1
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=blob_key(blob.sha256),
                UploadId=upload_id,
                PartNumber=number,
                Body=data,
                ContentMD5=_content_md5(data),
            )
            parts.append({"ETag": answer["ETag"], "PartNumber": number})
        _check_unchanged(blob, hasher.hexdigest())
        return parts

    def _abort(self, key: str, *, upload_id: str) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if error_code(error) != "NoSuchUpload":
                raise


def _content_md5(data: bytes) -> str:
    """Return the Content-MD5 that lets the server refuse bytes damaged on the way (RFC 1864)."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _check_unchanged(blob: StoredBlob, sha256: str) -> None:
    if sha256 != blob.sha256:
        raise StoreUnavailable("The file changed while it was being stored; nothing of it was kept.")


def _missing(sha256: str) -> BlobMissing:
    return BlobMissing(f"There is no blob {sha256}.", sha256=sha256)
