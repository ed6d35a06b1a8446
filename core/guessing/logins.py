"""Limits on wrong passwords, by name and address together, by address, and by name.

Each limit is a bucket (Turner's leaky bucket, as a meter): an attempt adds one, time takes one away after each interval, and a
full bucket refuses. So a lock ends by itself, and after it one attempt is free in each interval.

1. An attempt is counted before the password is checked, so that attempts at the same time cannot pass the limit together.
2. A right password empties the bucket of the pair, and takes back what the attempt added to the others.
3. A name that logged in from an address before is not held by the bucket of the name there. So strangers at other addresses
   cannot keep a person out of the places where she works.

Names and addresses are stored as digests: people type passwords into the field of the name.
"""

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.guessing.throttled import Throttled, network_of
from core.models import LoginBucket
from core.tokens import digest_of

logger = logging.getLogger(__name__)

# How long a pair counts as known after its last login.
KNOWN_FOR: Final = timedelta(days=90)
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts are free at once, and after how many seconds one more is."""

    kind: str
    burst: int
    interval_seconds: float


# The order of locking, the same for every attempt.
ADDRESS: Final = Limit("address", burst=50, interval_seconds=2 * _MINUTE)
NAME: Final = Limit("name", burst=50, interval_seconds=5 * _MINUTE)
PAIR: Final = Limit("pair", burst=5, interval_seconds=15 * _MINUTE)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in, counted already."""

    name: str
    address: str
    keys: dict[Limit, str]
    is_last: bool


def begin(name: str, *, address: str) -> Attempt:
    """Count an attempt before its password is checked.

    Raises:
        Throttled: A bucket is full. Nothing is counted then, so that asking again does not make the wait longer.
    """
    now, person = timezone.now(), _digest_name(name)
    keys = _keys(person, network_of(address))
    if LoginBucket.objects.filter(kind=PAIR.kind, key=keys[PAIR], known_at__gt=now - KNOWN_FOR).exists():
        del keys[NAME]
    with transaction.atomic():
        levels = {limit: _add(limit, key, person=person, now=now) for limit, key in keys.items()}
        full = [limit for limit, level in levels.items() if level is None]
        transaction.set_rollback(bool(full))
    if full:
        wait = max(_wait_seconds(limit, keys[limit], now=now) for limit in full)
        logger.warning("login of %r from %s refused for %.0f s: too many wrong passwords", name[:150], address, wait)
        raise Throttled("Too many wrong passwords.", wait_seconds=wait)
    is_last = any(level is not None and level > limit.burst - 1 for limit, level in levels.items())
    return Attempt(name, address, keys, is_last)


def fail(attempt: Attempt) -> None:
    """Note that the password was wrong, in the log, and in the audit trail if the person exists: strangers cannot fill the trail."""
    logger.warning("wrong password for %r from %s", attempt.name[:150], attempt.address)
    if User.objects.filter(username=attempt.name).exists():
        audit.record(
            Actor(kind="system", name="not logged in"),
            action="lock_out" if attempt.is_last else "refuse_log_in",
            object_type="person",
            object_id=attempt.name,
            after={"address": attempt.address},
        )


@transaction.atomic
def succeed(attempt: Attempt) -> None:
    """Note that the password was right."""
    for limit, key in attempt.keys.items():
        row = LoginBucket.objects.filter(kind=limit.kind, key=key)
        if limit is PAIR:
            row.update(level=0, known_at=timezone.now())
        else:
            row.update(level=Greatest(F("level") - 1, 0.0))


def unlock(*, name: str | None = None, address: str | None = None) -> int:
    """Empty the buckets of a name with its pairs at all addresses, of an address, or all; return how many were not empty."""
    rows = LoginBucket.objects.filter(level__gt=0)
    if name is not None:
        rows = rows.filter(kind__in=[NAME.kind, PAIR.kind], person=_digest_name(name))
    if address is not None:
        rows = rows.filter(kind=ADDRESS.kind, key=digest_of(network_of(address)))
    return rows.update(level=0)


def forget(*, now: datetime) -> int:
    """Delete the buckets that say nothing any more: empty for a day, and not of a known pair. Return how many."""
    longest = max(limit.burst * limit.interval_seconds for limit in (ADDRESS, NAME, PAIR))
    idle = LoginBucket.objects.filter(at__lt=now - timedelta(seconds=longest))
    return idle.exclude(known_at__gt=now - KNOWN_FOR).delete()[0]


def _keys(person: str, network: str) -> dict[Limit, str]:
    return {ADDRESS: digest_of(network), NAME: person, PAIR: digest_of(f"{person} {network}")}


def _digest_name(name: str) -> str:
    return digest_of(unicodedata.normalize("NFKC", name).casefold())


_ADD: Final = """
    INSERT INTO core_loginbucket AS b (kind, key, person, level, at)
    VALUES (%(kind)s, %(key)s, %(person)s, 1, %(now)s)
    ON CONFLICT (kind, key) DO UPDATE SET
        level = greatest(0, b.level - extract(epoch FROM %(now)s - b.at) / %(interval)s) + 1, at = %(now)s
    WHERE greatest(0, b.level - extract(epoch FROM %(now)s - b.at) / %(interval)s) + 1 <= %(burst)s
    RETURNING level
"""


def _add(limit: Limit, key: str, *, person: str, now: datetime) -> float | None:
    """Add one to a bucket and return its level; None if it is full, and unchanged."""
    values: Mapping[str, str | float | datetime] = {
        "kind": limit.kind,
        "key": key,
        "person": "" if limit is ADDRESS else person,
        "now": now,
        "interval": limit.interval_seconds,
        "burst": limit.burst,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, values)
        row = cursor.fetchone()
    return None if row is None else float(row[0])


def _wait_seconds(limit: Limit, key: str, *, now: datetime) -> float:
    row = LoginBucket.objects.filter(kind=limit.kind, key=key).first()
    if row is None:
        return 0
    level = row.level - (now - row.at).total_seconds() / limit.interval_seconds
    return (level + 1 - limit.burst) * limit.interval_seconds
