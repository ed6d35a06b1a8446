"""What one device sends must not stop the counting of all: enormous figures, enormous batches."""

import json
from datetime import timedelta

import pytest

from analytics.drift import queries
from analytics.drift.queries import VersionName
from analytics.drift.windows import Window
from ingest import tasks
from ingest.landing import batches
from ingest.landing.batches import Sender
from ingest.models import LandedBatch, LandingState, RollUp
from ingest.roll_ups import folding
from ingest.roll_ups import verbs as roll_ups
from ingest.roll_ups.keys import FLEET, Total
from tests.telemetry_rows import NOON

pytestmark = pytest.mark.django_db
SENDER = Sender(device_id="edge-1", target="rk3588", labels={}, default_model="digits")


def land(number: int, *, stream_batch: int, latency_ms: float = 5.0, request_hash: str = "") -> None:
    record = {"timestamp": NOON.timestamp(), "latency_ms": latency_ms, "model_version": "1.0.0"}
    record |= {"confidence": 0.5, "class_id": 3, "request_hash": request_hash}
    text = {"device_id": "edge-1", "records": [record] * number}
    text |= {"stream": "00000000-0000-0000-0000-000000000005", "batch": stream_batch}
    batches.receive(json.dumps(text).encode(), sender=SENDER, at=NOON)


def totals() -> list[int]:
    rows = RollUp.objects.filter(scope_kind="fleet", metric="totals")
    return [n for row in rows for bin_, n in zip(row.bins, row.counts, strict=True) if bin_ == Total.LATENCY_MS_MICRO]


def test_enormous_latencies_neither_wrap_around_nor_stop_folding_and_reading():
    for number in range(3):
        land(10_000, stream_batch=number, latency_ms=1e12)
        roll_ups.roll_up_chunk()
    assert all(found > 0 for found in totals())
    while folding.fold_chunk():
        pass
    (folded,) = totals()
    assert folded > 0
    window = Window.ending(NOON, length=timedelta(hours=1), bucket=timedelta(hours=1))
    assert queries.sum_counts(VersionName("digits", "1.0.0"), scope=FLEET, window=window).classes == {"3": 30_000}


def test_a_chunk_is_as_large_as_its_bytes_allow_and_always_one_batch(monkeypatch):
    monkeypatch.setattr(roll_ups, "CHUNK_BYTES", 50_000)
    for number in range(3):
        land(200, stream_batch=number, request_hash="h" * 100)
    assert min(len(body) for body in LandedBatch.objects.values_list("body", flat=True)) > 25_000
    assert roll_ups.roll_up_chunk() == 1
    assert LandedBatch.objects.filter(state=LandingState.WAITING).count() == 2
    monkeypatch.setattr(roll_ups, "CHUNK_BYTES", 1)
    for _ in range(2):
        tasks.roll_up()
    assert not LandedBatch.objects.filter(state=LandingState.WAITING).exists()
