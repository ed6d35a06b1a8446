"""Turn landed batches into roll-ups, exactly once.

1. Claim up to a thousand waiting batches with SKIP LOCKED; other workers take others.
2. Count them; append the partial counts by COPY; mark the batches counted: one transaction. A kill at any point leaves
   all of it or nothing.
3. Later, ``folding`` merges rows of equal key.
"""

import logging
from collections.abc import Iterable

import psycopg
from django.conf import settings
from django.db import DataError, connection, transaction
from django.db.models.functions import Length

from ingest.landing import envelope
from ingest.models import LandedBatch, LandingState
from ingest.roll_ups import counting
from registry.baselines.inference_records import InferenceRecord
from registry.models import ModelVersion

logger = logging.getLogger(__name__)

CHUNK_BATCHES = 1_000
# All bodies of a chunk are in memory at once, and their decoded records take several times as much.
CHUNK_BYTES = 32 * 1024 * 1024
MAX_ATTEMPTS = 3


# What counting a chunk raises where one of its batches should have been refused on arrival.
_POISON = (DataError, psycopg.DataError, ValueError, OverflowError)


def roll_up_chunk() -> int:
    """Count one chunk of waiting batches; return how many batches were claimed.

    A batch that cannot be counted spoils its chunk: the chunk's batches are then counted one by one, and that one is put
    aside.
    """
    try:
        with transaction.atomic():
            return _count(_claim())
    except _POISON:
        logger.exception("a chunk cannot be counted; counting its batches one by one")
        return _count_one_by_one()


def _count_one_by_one() -> int:
    waiting = LandedBatch.objects.filter(state=LandingState.WAITING).order_by("id").values_list("pk", flat=True)
    keys = list(waiting[:CHUNK_BATCHES])
    for pk in keys:
        alone = LandedBatch.objects.filter(pk=pk, state=LandingState.WAITING).select_for_update(skip_locked=True)
        try:
            with transaction.atomic():
                _count(list(alone))
        except _POISON as error:
            with transaction.atomic():
                for batch in alone:
                    _put_aside(batch, f"{type(error).__name__}: {error}")
    return len(keys)


def _count(claimed: list[LandedBatch]) -> int:
    readable: list[counting.CountableBatch] = []
    counted: list[int] = []
    for batch in claimed:
        try:
            records = envelope.read_records(bytes(batch.body), refused=batch.refused)
        except envelope.UNREADABLE as error:
            _put_aside(batch, str(error))
            continue
        readable.append(_countable(batch, records))
        counted.append(batch.pk)
    if readable:
        bucket_seconds = int(settings.ROLLUP_BUCKET.total_seconds())
        counts = counting.count(readable, bucket_seconds=bucket_seconds, known_versions=_known_versions(readable))
        _append(counts, bucket_seconds=bucket_seconds)
        LandedBatch.objects.filter(pk__in=counted).update(state=LandingState.COUNTED)
    return len(claimed)


def _claim() -> list[LandedBatch]:
    """Lock waiting batches, and load the first ones up to CHUNK_BYTES; at least one."""
    waiting = LandedBatch.objects.filter(state=LandingState.WAITING).order_by("id")
    sizes = waiting.select_for_update(skip_locked=True).values_list("pk", Length("body"))[:CHUNK_BATCHES]
    chosen: list[int] = []
    total = 0
    for pk, size in sizes:
        total += size
        if chosen and total > CHUNK_BYTES:
            break
        chosen.append(pk)
    return list(LandedBatch.objects.filter(pk__in=chosen).order_by("id"))


def _countable(batch: LandedBatch, records: list[InferenceRecord]) -> counting.CountableBatch:
    return counting.CountableBatch(
        device_id=batch.device_id,
        target=batch.target,
        labels=batch.labels,
        default_model=batch.default_model,
        received_at=batch.received_at,
        records=records,
    )


def _known_versions(batches: Iterable[counting.CountableBatch]) -> frozenset[tuple[str, str]]:
    numbers = {record.model_version for batch in batches for record in batch.records}
    return frozenset(ModelVersion.objects.filter(number__in=numbers).values_list("model__slug", "number"))


def _put_aside(batch: LandedBatch, error: str) -> None:
    """Count an attempt at a batch that cannot be counted; after the last one the batch is quarantined with its error."""
    batch.attempts += 1
    batch.error = error
    if batch.attempts >= MAX_ATTEMPTS:
        batch.state = LandingState.QUARANTINED
        logger.error("landed batch %s of %s quarantined: %s", batch.pk, batch.device_id, error)
    batch.save(update_fields=["attempts", "error", "state"])


def _append(counts: counting.Counts, *, bucket_seconds: int) -> None:
    columns = "bucket_at, bucket_seconds, scope_kind, scope_value, model, version, metric, bins, counts, is_folded"
    with connection.cursor() as cursor, cursor.copy(f"COPY ingest_rollup ({columns}) FROM STDIN") as copy:
        for key, bins in counts.items():
            row = (key.bucket_at, bucket_seconds, *key.scope, key.model, key.version, key.metric)
            copy.write_row((*row, list(bins), list(bins.values()), False))
