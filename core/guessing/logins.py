"""Limits on wrong passwords, by name and address together, by address, and by name.

Each limit is a bucket (Turner's leaky bucket, as a meter): an attempt adds one, time takes one away after each interval, and a
full bucket refuses. So a lock ends by itself, and after it one attempt is free in each interval.

1. An attempt is counted before the password is checked, so that attempts at the same time cannot pass the limit together.
2. A right password empties the bucket of the pair, and takes back what the attempt added to the others.
3. A name that logged in from an address before is not held by the bucket of the name there. So strangers at other addresses
   cannot keep a person out of the places where she works.

Names and addresses are stored as digests, and the log has the digest of a name that nobody has: people type passwords into the
field of the name.
"""

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, Q
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
        # Strangers fill the buckets of the name, and those of the address behind NAT; here the pair's own bucket is enough.
        keys = {PAIR: keys[PAIR]}
    with transaction.atomic():
        levels = {limit: _add(limit, key, person=person, now=now) for limit, key in keys.items()}
        full = [limit for limit, level in levels.items() if level is None]
        transaction.set_rollback(bool(full))
    if full:
        wait = max(_wait_seconds(limit, keys[limit], now=now) for limit in full)
        logged = _name_for_log(name, is_known=_is_known(name))
        logger.warning("login of %s from %s refused for %.0f s: too many wrong passwords", logged, address, wait)
        raise Throttled("Too many wrong passwords.", wait_seconds=wait)
    is_last = any(level is not None and level > limit.burst - 1 for limit, level in levels.items())
    return Attempt(name, address, keys, is_last)


def fail(attempt: Attempt) -> None:
    """Note that the password was wrong, in the log, and in the audit trail if the person exists: strangers cannot fill the trail.

    Both cases write one row and commit once, so that the time does not tell whether a person exists.
    """
    is_known = _is_known(attempt.name)
    logger.warning("wrong password for %s from %s", _name_for_log(attempt.name, is_known=is_known), attempt.address)
    if is_known:
        audit.record(
            Actor(kind="system", name="not logged in"),
            action="lock_out" if attempt.is_last else "refuse_log_in",
            object_type="person",
            object_id=attempt.name,
            after={"address": attempt.address},
        )
    else:
        LoginBucket.objects.filter(kind=PAIR.kind, key=attempt.keys[PAIR]).update(level=F("level"))


@transaction.atomic
def succeed(attempt: Attempt) -> None:
    """Note that the password was right."""
    for limit, key in attempt.keys.items():
        row = LoginBucket.objects.filter(kind=limit.kind, key=key)
        if limit is PAIR:
            row.update(level=0, known_at=timezone.now())
        else:
            row.update(level=Greatest(F("level") - 1, 0.0))


def unlock(*, name: str | None = None, address: str | None = None) -> dict[str, int]:
    """Empty buckets, and return how many of each kind were not empty.

    With a name: that of the name, and those of its pairs at all addresses. With an address: that of the address. With both: those
    two, and that of the pair. Without either: all.
    """
    now, wanted = timezone.now(), Q()
    if name is not None and address is not None:
        keys = _keys(_digest_name(name), network_of(address))
        for limit, key in keys.items():
            wanted |= Q(kind=limit.kind, key=key)
    elif name is not None:
        wanted = Q(kind__in=[NAME.kind, PAIR.kind], person=_digest_name(name))
    elif address is not None:
        wanted = Q(kind=ADDRESS.kind, key=digest_of(network_of(address)))
    ended = {}
    for limit in (ADDRESS, NAME, PAIR):
        rows = LoginBucket.objects.filter(wanted, kind=limit.kind, level__gt=0)
        filled = [row.pk for row in rows if _level(limit, row, now=now) > 0]
        ended[limit.kind] = LoginBucket.objects.filter(pk__in=filled).update(level=0)
    return ended


def forget(*, now: datetime) -> int:
    """Delete the buckets that say nothing any more: empty by now, and not of a known pair. Return how many.

    Every bucket is empty after the time that the slowest full one needs, 4 hours and 10 minutes.
    """
    longest = max(limit.burst * limit.interval_seconds for limit in (ADDRESS, NAME, PAIR))
    idle = LoginBucket.objects.filter(at__lt=now - timedelta(seconds=longest))
    return idle.exclude(known_at__gt=now - KNOWN_FOR).delete()[0]


def _is_known(name: str) -> bool:
    return User.objects.filter(username=name).exists()


def _name_for_log(name: str, *, is_known: bool) -> str:
    # People type passwords into the field of the name.
    return repr(name) if is_known else f"an unknown name (digest {_digest_name(name)[:8]})"


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
    return (_level(limit, row, now=now) + 1 - limit.burst) * limit.interval_seconds


def _level(limit: Limit, row: LoginBucket, *, now: datetime) -> float:
    """Return the level now; below zero if the bucket has been empty for a while."""
    return row.level - (now - row.at).total_seconds() / limit.interval_seconds
