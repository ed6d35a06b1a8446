"""Receive a batch: recognize a repeat, land the bytes, and answer once both are durable.

1. The receipt is inserted; its key (device, stream, number) is what makes a repeat a repeat.
2. The body is landed verbatim by the same statement, which commits by itself: one round trip, and a kill at any point
   leaves both or neither.
3. The caller answers after that.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import psycopg
from django.db import connection

from core.errors import Conflict, DomainError, Kind
from fleet.devices.tokens import check_own
from ingest.landing import envelope
from ingest.landing.envelope import RefusalRow
from ingest.models import BatchReceipt, LandingState

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
    rejected: list[RefusalRow]


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
        rejected=[refusal.as_row() for refusal in batch.refusals],
        received_at=at,
    )
    if _store(receipt, body=body, sender=sender, at=at):
        return Receipt(receipt.accepted, 0, receipt.rejected)
    return _repeat(receipt, _get_first(receipt, at=at))


# A concurrent twin's receipt is waited for, so exactly one of them wins. The unique key does not see what is below an
# agent's horizon, nor a plain client's yesterday.
_STORE = """
WITH receipt AS (
    INSERT INTO ingest_batchreceipt (device_id, stream, number, content_sha256, accepted, rejected, received_at)
    SELECT %(device_id)s::text, %(stream)s::text, %(number)s::text, %(content)s::text, %(accepted)s::integer, %(rejected)s::jsonb, %(at)s::timestamptz
    WHERE NOT EXISTS (SELECT FROM ingest_streamhorizon
        WHERE device_id = %(device_id)s::text AND stream = %(stream)s::text AND expired_through >= %(sequence)s::bigint)
    AND NOT EXISTS (SELECT FROM ingest_batchreceipt
        WHERE device_id = %(device_id)s::text AND stream = %(stream)s::text AND number = %(yesterday)s::text)
    ON CONFLICT DO NOTHING RETURNING id
), landed AS (
    INSERT INTO ingest_landedbatch
        (device_id, target, labels, default_model, body, refused, received_at, state, attempts, error)
    SELECT %(device_id)s::text, %(target)s::text, %(labels)s::jsonb, %(default_model)s::text, %(body)s::bytea, %(refused)s::integer[], %(at)s::timestamptz,
        %(waiting)s::text, 0, ''
    FROM receipt WHERE %(accepted)s::integer > 0
)
SELECT count(*) FROM receipt
"""


def _store(receipt: BatchReceipt, *, body: bytes, sender: Sender, at: datetime) -> bool:
    """Store receipt and body; False where the batch came before or is too old to tell."""
    is_plain = receipt.stream == CONTENT_STREAM
    parameters = {
        "device_id": receipt.device_id,
        "stream": receipt.stream,
        "number": receipt.number,
        "sequence": None if is_plain else int(receipt.number),
        "yesterday": _yesterday(receipt, at=at) if is_plain else None,
        "content": receipt.content_sha256,
        "accepted": receipt.accepted,
        "rejected": msgspec.json.encode(receipt.rejected).decode(),
        "at": at,
        "target": sender.target,
        "labels": msgspec.json.encode(sender.labels).decode(),
        "default_model": sender.default_model,
        "body": body,
        "refused": [refusal["index"] for refusal in receipt.rejected],
        "waiting": LandingState.WAITING.value,
    }
    # Bound and prepared by the server: Django's own cursor writes values into the statement, the body as hexadecimal text,
    # and has it parsed and planned anew each time.
    with connection.cursor(), connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        found = cursor.execute(_STORE, parameters, prepare=True).fetchone()
    return found == (1,)


def _yesterday(receipt: BatchReceipt, *, at: datetime) -> str:
    return f"{at - timedelta(days=1):%Y-%m-%d}:{receipt.content_sha256}"


def _get_first(receipt: BatchReceipt, *, at: datetime) -> BatchReceipt:
    """Return the receipt of the batch's first arrival.

    Raises:
        BatchTooOld: It is gone, as all of the stream up to its number are.
    """
    numbers = [receipt.number, _yesterday(receipt, at=at)]
    found = BatchReceipt.objects.filter(device_id=receipt.device_id, stream=receipt.stream, number__in=numbers).first()
    if found is None:
        raise BatchTooOld("The batch is older than this server remembers; it may have been counted before.")
    return found


def _repeat(receipt: BatchReceipt, first: BatchReceipt) -> Receipt:
    if first.content_sha256 != receipt.content_sha256:
        raise BatchContentDiffers(f"Batch {receipt.number} of this stream was received before with other content.")
    return Receipt(0, first.accepted, first.rejected)
