"""Limits on wrong API tokens, device tokens and enrollment keys, by address.

Redis counts how many different wrong secrets an address has sent in a window of time. A job with an old token, or a revoked
device, sends the same one again and again; it counts as one, and takes nothing from others behind the same address.

An honest caller costs nothing: only a wrong secret asks Redis. Each process remembers the addresses that are over the limit until
their window ends, and refuses them without a look-up. Without Redis nobody is refused.
"""

import hashlib
import logging
import time
from enum import StrEnum
from functools import cache
from typing import Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.guessing.throttled import Throttled, network_of

logger = logging.getLogger(__name__)

# So many different wrong secrets are free in each window.
LIMIT: Final = 100
WINDOW_SECONDS: Final = 600
_MAX_REMEMBERED: Final = 10_000
_TIMEOUT_SECONDS: Final = 0.1
_REST_SECONDS: Final = 5.0


class Secret(StrEnum):
    """The kinds of secrets. Each is counted for itself, so that revoked devices do not lock out the API tokens of their site."""

    API_TOKEN = "api-token"  # noqa: S105 - a name
    DEVICE_TOKEN = "device-token"  # noqa: S105 - a name
    ENROLLMENT_KEY = "enrollment-key"


class _Circuit:
    """When Redis may be asked again after it did not answer."""

    closed_until = 0.0


_over: dict[tuple[Secret, str], float] = {}


def check(kind: Secret, *, address: str) -> None:
    """Refuse an address that is known to be over the limit. Redis is not asked.

    Raises:
        Throttled: It sent too many different wrong secrets of this kind.
    """
    if not _over:
        return
    ends_at = _over.get((kind, network_of(address)))
    if ends_at is not None and ends_at > time.time():
        raise _refusal(ends_at)


def note(kind: Secret, secret: str, *, address: str) -> None:
    """Count a wrong secret.

    Raises:
        Throttled: The address is over the limit, with this secret or before.
    """
    network, now = network_of(address), time.time()
    window = int(now // WINDOW_SECONDS)
    if _count(f"wrong-secrets:{kind}:{network}:{window}", secret) <= LIMIT:
        return
    ends_at = float((window + 1) * WINDOW_SECONDS)
    if len(_over) >= _MAX_REMEMBERED:
        _over.clear()
    if _over.get((kind, network)) != ends_at:
        logger.warning(
            "more than %s wrong secrets (%s) from %s: refused for %.0f s", LIMIT, kind, network, ends_at - now
        )
    _over[kind, network] = ends_at
    raise _refusal(ends_at)


def _refusal(ends_at: float) -> Throttled:
    return Throttled("Too many wrong credentials came from this address.", wait_seconds=ends_at - time.time())


def _count(key: str, secret: str) -> int:
    """Add a secret, and return how many different ones the key has; 0 without Redis."""
    if time.monotonic() < _Circuit.closed_until:
        return 0
    # HyperLogLog (Flajolet et al., 2007): 12 KiB at most for any number of secrets, and exact to about 1 %.
    pipeline = _client(settings.REDIS_URL).pipeline(transaction=False)
    pipeline.pfadd(key, hashlib.sha256(secret.encode(errors="surrogatepass")).digest())
    pipeline.pfcount(key)
    pipeline.expire(key, WINDOW_SECONDS)
    try:
        return int(pipeline.execute()[1])
    except redis.RedisError as error:
        _Circuit.closed_until = time.monotonic() + _REST_SECONDS
        logger.warning("wrong secrets are not counted for %s s: %s", _REST_SECONDS, error)
        return 0


@cache
def _client(url: str) -> redis.Redis:
    # The library would retry for seconds, and the request would wait for it.
    return redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )
