"""Which devices a stage covers: computed from salt and device id, never stored (docs/adr/0018)."""

import hashlib
from collections.abc import Iterable
from typing import Final

BUCKETS: Final = 10_000


def bucket_of(device_id: str, *, salt: str) -> int:
    """Return the device's bucket, 0 to 9999: ``uint64_be(sha256(salt + ":" + device_id)[:8]) mod 10000``."""
    digest = hashlib.sha256(f"{salt}:{device_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def limit_of(percent: float) -> int:
    """Return the bucket from which on devices are out: in a stage of p percent iff ``bucket < 100·p``."""
    return round(percent * 100)


def choose_limit(buckets: Iterable[int], *, percent: float, min_devices: int, floor: int = 0) -> int:
    """Return the limit of a stage that covers at least ``min_devices`` of these devices, lowest buckets first.

    The limit is never below ``floor``, the limit of the stage before, so that no covered device is dropped. If there are
    fewer than ``min_devices`` devices, all are covered.
    """
    lowest = sorted(buckets)[:min_devices]
    needed = lowest[-1] + 1 if lowest else 0
    return min(max(limit_of(percent), needed, floor), BUCKETS)
