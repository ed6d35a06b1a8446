"""Receive a batch: recognize a repeat, land the bytes, and answer once both are durable.

1. The receipt is inserted; its key (device, stream, number) is what makes a repeat a repeat.
2. The body is landed verbatim in the same transaction.
3. The caller answers after commit. A kill at any point leaves both or neither.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import msgspec
from django.db import connection, transaction

from core.errors import Conflict, DomainError, Kind
from fleet.authentication import check_own
from ingest import envelope
from ingest.models import BatchReceipt, LandedBatch

CONTENT_STREAM = "content"


class BatchContentDiffers(Conflict):
    """The same batch number came before with other content."""

    code = "batch_content_differs"


class BatchTooOld(Conflict):
    """The batch's number is below the horizon: whether it was counted can no longer be told."""

    code = "batch_too_old"


class Backlogged(DomainError):
    """More batches wait to be counted than the limit allows."""

    code = "backlogged"
    kind = Kind.THROTTLED


@dataclass(frozen=True, slots=True)
class Sender:
    """The authenticated device, as its records will be counted."""

    device_id: str
    target: str
    labels: dict[str, str]
    default_model: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is answered to a batch."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, object]]


def receive(body: bytes, *, sender: Sender, at: datetime) -> Receipt:
    """Land one decoded body; repeating it changes nothing.

    Raises:
        MalformedBatch: The body is no batch.
        OtherDevice: The envelope names another device.
        BatchContentDiffers: The number was used for other content.
        BatchTooOld: The number is below the stream's horizon.
    """
    batch = envelope.parse(body)
    check_own(sender.device_id, asked=batch.device_id)
    content = hashlib.sha256(body).hexdigest()
    receipt = BatchReceipt(
        device_id=sender.device_id,
        stream=batch.stream or CONTENT_STREAM,
        number=str(batch.number) if batch.stream else f"{at:%Y-%m-%d}:{content}",
        content_sha256=content,
        accepted=batch.accepted_count,
        rejected=[asdict(refusal) for refusal in batch.refusals],
        received_at=at,
    )
    with transaction.atomic():
        earlier = _find_earlier(receipt, at=at)
        if earlier is None and _insert(receipt):
            _land(body, batch=batch, sender=sender, at=at)
            return Receipt(receipt.accepted, 0, receipt.rejected)
    return _repeat(receipt, earlier or _get_first(receipt))


def _find_earlier(receipt: BatchReceipt, *, at: datetime) -> BatchReceipt | None:
    """Look where the unique key cannot: below an agent's horizon, and into a plain client's yesterday."""
    if receipt.stream == CONTENT_STREAM:
        yesterday = f"{at - timedelta(days=1):%Y-%m-%d}:{receipt.content_sha256}"
        return BatchReceipt.objects.filter(device_id=receipt.device_id, stream=CONTENT_STREAM, number=yesterday).first()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM ingest_streamhorizon WHERE device_id = %s AND stream = %s AND expired_through >= %s",
            [receipt.device_id, receipt.stream, int(receipt.number)],
        )
        if cursor.fetchone():
            raise BatchTooOld("The batch is older than this server remembers; it may have been counted before.")
    return None


def _insert(receipt: BatchReceipt) -> bool:
    """Insert unless the key is taken. A concurrent twin's insert is waited for, so exactly one of them wins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingest_batchreceipt"
            " (device_id, stream, number, content_sha256, accepted, rejected, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT DO NOTHING",
            [
                receipt.device_id,
                receipt.stream,
                receipt.number,
                receipt.content_sha256,
                receipt.accepted,
                msgspec.json.encode(receipt.rejected).decode(),
                receipt.received_at,
            ],
        )
        return bool(cursor.rowcount == 1)


def _land(body: bytes, *, batch: envelope.Batch, sender: Sender, at: datetime) -> None:
    if batch.accepted_count:
        LandedBatch.objects.create(
            device_id=sender.device_id,
            target=sender.target,
            labels=sender.labels,
            default_model=sender.default_model,
            body=body,
            refused=[refusal.index for refusal in batch.refusals],
            received_at=at,
        )


def _get_first(receipt: BatchReceipt) -> BatchReceipt:
    return BatchReceipt.objects.get(device_id=receipt.device_id, stream=receipt.stream, number=receipt.number)


def _repeat(receipt: BatchReceipt, first: BatchReceipt) -> Receipt:
    if first.content_sha256 != receipt.content_sha256:
        raise BatchContentDiffers(f"Batch {receipt.number} of this stream was received before with other content.")
    return Receipt(0, first.accepted, first.rejected)
