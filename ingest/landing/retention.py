"""Delete what is past its retention: counted batches first, receipts much later, waiting batches never."""

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from ingest.landing.batches import CONTENT_STREAM
from ingest.models import LandedBatch, LandingState

_CHUNK = 5_000


def expire_landed(*, at: datetime) -> int:
    """Delete counted batches that arrived before LANDING_RETENTION; return how many."""
    old = LandedBatch.objects.filter(state=LandingState.COUNTED, received_at__lt=at - settings.LANDING_RETENTION)
    chunk = list(old.order_by("received_at").values_list("pk", flat=True)[:_CHUNK])
    return LandedBatch.objects.filter(pk__in=chunk).delete()[0] if chunk else 0


@transaction.atomic
def expire_receipts(*, at: datetime) -> int:
    """Delete receipts older than DEDUPE_HORIZON, and note the highest number per stream, so that later repeats are refused."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM ingest_batchreceipt WHERE id IN (
                    SELECT id FROM ingest_batchreceipt WHERE received_at < %(before)s ORDER BY received_at LIMIT %(chunk)s
                ) RETURNING device_id, stream, number
            ), noted AS (
                INSERT INTO ingest_streamhorizon (device_id, stream, expired_through)
                SELECT device_id, stream, max(number::bigint) FROM gone WHERE stream <> %(content)s GROUP BY device_id, stream
                ON CONFLICT (device_id, stream)
                DO UPDATE SET expired_through = greatest(ingest_streamhorizon.expired_through, excluded.expired_through)
            )
            SELECT count(*) FROM gone
            """,
            {"before": at - settings.DEDUPE_HORIZON, "chunk": _CHUNK, "content": CONTENT_STREAM},
        )
        return int(cursor.fetchone()[0])
