"""When devices were last seen: noted in Redis on each poll, written to their rows in bulk by beat.

If Redis is lost, a few minutes of these times are lost and nothing else. No poll fails for it or waits for it.
"""

import logging
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

_KEY: Final = "fleet:last_seen"
_FLUSHING: Final = "fleet:last_seen:flushing"
# The number is free: nothing else takes an advisory lock by it.
_ADVISORY_LOCK: Final = 7_104_001
_CHUNK: Final = 5_000
_REST_SECONDS: Final = 5.0
# A device that streams telemetry is not noted more often than this by one process.
_FRESH_SECONDS: Final = 1.0
_MAX_KEPT: Final = 50_000
_noted: dict[int, float] = {}


class _Circuit:
    """After a failure Redis is not asked for some seconds, so that a dead Redis slows no poll down."""

    closed_until: float = 0.0


def note(device_pk: int, *, at: datetime) -> None:
    """Remember that a device was seen. Never raises and never waits long."""
    # The distance in both directions: after a clock is set back, a device must not look silent until the clock catches up.
    is_fresh = abs(at.timestamp() - _noted.get(device_pk, 0.0)) < _FRESH_SECONDS
    if is_fresh or time.monotonic() < _Circuit.closed_until:
        return
    try:
        _client().hset(_KEY, str(device_pk), f"{at.timestamp():.3f}")
        if len(_noted) >= _MAX_KEPT:
            _noted.clear()
        _noted[device_pk] = at.timestamp()
    except redis.RedisError as error:
        _Circuit.closed_until = time.monotonic() + _REST_SECONDS
        logger.warning("last seen is not noted for %s s: %s", _REST_SECONDS, error)


def flush() -> int:
    """Write what was noted to the devices' rows; return how many rows changed.

    Idempotent: a time only ever rises, and the notes are dropped after the commit. A second flush at the same time does nothing.
    """
    try:
        return _flush()
    except redis.RedisError as error:
        logger.warning("last seen is not written: %s", error)
        return 0


def _flush() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        (is_alone,) = cursor.fetchone()
        if not is_alone:
            return 0
        noted = _take()
        written = sum(_write(cursor, noted[start : start + _CHUNK]) for start in range(0, len(noted), _CHUNK))
        # Dropped under the lock and before the commit. A crash in between loses notes, and the next polls write them again.
        _client().delete(_FLUSHING)
    return written


def forget() -> None:
    """Drop all notes; for tests that share one Redis."""
    _client().delete(_KEY, _FLUSHING)
    _noted.clear()


def _take() -> list[tuple[int, datetime]]:
    # Notes of an interrupted flush are written first, the newer notes by the next flush.
    if not _client().exists(_FLUSHING):
        if not _client().exists(_KEY):
            return []
        _client().rename(_KEY, _FLUSHING)
    noted: dict[bytes, bytes] = _client().hgetall(_FLUSHING)
    return sorted((int(pk), datetime.fromtimestamp(float(at), tz=UTC)) for pk, at in noted.items())


def _write(cursor: CursorWrapper, rows: list[tuple[int, datetime]]) -> int:
    cursor.execute(
        """
        UPDATE fleet_device d SET last_seen_at = noted.at
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS noted(pk, at)
        WHERE d.id = noted.pk AND (d.last_seen_at IS NULL OR d.last_seen_at < noted.at)
        """,
        [[pk for pk, _ in rows], [at for _, at in rows]],
    )
    return int(cursor.rowcount)


def _client() -> Any:
    return _connect(settings.REDIS_URL)


@cache
def _connect(url: str) -> Any:
    # The library would retry for seconds, and a poll would wait for it.
    return redis.Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25, retry=Retry(NoBackoff(), 0))
