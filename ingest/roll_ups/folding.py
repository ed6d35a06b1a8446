"""Merge roll-up rows of equal key into one, so that reading stays cheap. Readers SUM, so they never see a fold."""

from django.db import connection, transaction

from ingest.roll_ups import counting
from ingest.roll_ups.keys import Metric

_KEY = "bucket_at, bucket_seconds, scope_kind, scope_value, model, version, metric"
# The key of the advisory lock that folds take; any number that no other lock has.
_FOLD_LOCK = 7_340_001
_FOLD_KEYS = 20_000

_FOLD = f"""
WITH keys AS (
    -- Only keys with fresh rows are read: what was folded long ago costs nothing.
    SELECT DISTINCT {_KEY} FROM (SELECT {_KEY} FROM ingest_rollup WHERE NOT is_folded ORDER BY id LIMIT {_FOLD_KEYS}) AS fresh
), taken AS (
    -- Of such a key every row is taken, also the folded one; otherwise two folded rows would stay beside each other.
    DELETE FROM ingest_rollup AS row USING keys
    WHERE ({", ".join(f"row.{name.strip()}" for name in _KEY.split(","))})
        = ({", ".join(f"keys.{name.strip()}" for name in _KEY.split(","))})
    RETURNING row.*
), sums AS (
    -- A sum that left the bigint would fail here and block every later fold, so it ends where counting ends.
    SELECT {_KEY}, pair.bin, least(sum(pair.number), {counting.MOST_SUM})::bigint AS number
    FROM taken, unnest(taken.bins, taken.counts) AS pair(bin, number) GROUP BY {_KEY}, pair.bin
), ranked AS (
    -- The same cap as in counting.cap_classes: two rows of 1,024 classes each can hold 2,048 together.
    SELECT *, row_number() OVER (PARTITION BY {_KEY} ORDER BY number DESC, bin) AS place FROM sums
), kept AS (
    SELECT {_KEY}, bin, number FROM ranked WHERE metric <> '{Metric.CLASS}' OR place <= {counting.MAX_CLASS_IDS}
), folded AS (
    INSERT INTO ingest_rollup ({_KEY}, bins, counts, is_folded)
    SELECT {_KEY}, array_agg(bin ORDER BY bin), array_agg(number ORDER BY bin), true FROM kept GROUP BY {_KEY}
), overflow AS (
    -- As fresh rows: their key may have a row already, and the next fold merges the two.
    INSERT INTO ingest_rollup ({_KEY}, bins, counts, is_folded)
    SELECT {_KEY.replace("metric", f"'{Metric.CLASS_OTHER}'")}, ARRAY[0::bigint], ARRAY[sum(number)::bigint], false
    FROM ranked WHERE metric = '{Metric.CLASS}' AND place > {counting.MAX_CLASS_IDS} GROUP BY {_KEY}
)
SELECT count(*) FROM taken
"""  # noqa: S608 - composed of constants only


@transaction.atomic
def fold_chunk() -> int:
    """Merge fresh partial rows with the rows of equal key; return how many rows went in, 0 where another fold runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_FOLD_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_FOLD)
        return int(cursor.fetchone()[0])
