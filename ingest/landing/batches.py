"""Receive a batch: recognize a repeat, store the bytes, and answer.

1. Insert the receipt. Its key (device, stream, number) is unique, and that is how a repeat is recognized.
2. Store the body as it came, by the same statement, which is its own transaction. That is one round trip, and a kill at any
   point leaves both rows or neither.
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
    """A batch of the same number was received with other content."""

    code = "batch_content_differs"


class BatchTooOld(Conflict):
    """The receipts of this batch number are deleted, so nobody knows whether the batch was counted."""

    code = "batch_too_old"


class Backlogged(DomainError):
    """More batches wait to be counted than the limit allows."""

    code = "backlogged"
    kind = Kind.THROTTLED


@dataclass(frozen=True, slots=True)
class Sender:
    """The authenticated device, with what its records are counted under."""

    device_id: str
    target: str
    labels: dict[str, str]
    default_model: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a batch."""

    accepted: int
    duplicates: int
    rejected: list[RefusalRow]


def receive(body: bytes, *, sender: Sender, at: datetime) -> Receipt:
    """Land one decoded body; repeating changes nothing.

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


# Of two equal batches at the same time, the second INSERT waits for the first one's commit, so exactly one is stored.
# Two kinds of repeats do not violate the unique key, so the two conditions look for them: an agent's batch whose receipt is
# deleted, and a plain client's batch of yesterday, whose number has another date.
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
    """Store receipt and body; False where the batch was received before, or is so old that nobody knows."""
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
    # The server binds the values and prepares the statement once. Django's own cursor writes the values into the statement, the
    # body as hexadecimal text, and the server parses and plans it each time.
    with connection.cursor(), connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        found = cursor.execute(_STORE, parameters, prepare=True).fetchone()
    return found == (1,)


def _yesterday(receipt: BatchReceipt, *, at: datetime) -> str:
    return f"{at - timedelta(days=1):%Y-%m-%d}:{receipt.content_sha256}"


def _get_first(receipt: BatchReceipt, *, at: datetime) -> BatchReceipt:
    """Return the receipt of the batch's first arrival.

    Raises:
        BatchTooOld: The receipt is deleted, as those of all lower numbers are.
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
