import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from ingest.roll_ups import counting
from ingest.roll_ups.counting import CountableBatch
from ingest.roll_ups.keys import Key, Scope, Total
from registry.baselines.inference_records import InferenceRecord

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = 3600
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def record(class_id=1, *, at=NOW, confidence=0.5, latency_ms=2.0, version="1.0.0", model="digits"):
    return InferenceRecord(
        timestamp=at.timestamp(),
        latency_ms=latency_ms,
        model_version=version,
        confidence=confidence,
        class_id=class_id,
        model_id=model,
    )


def batch(*records, device="edge-1", target="rk3588", labels=None, default="digits"):
    return CountableBatch(device, target, labels or {}, default, NOW, list(records))


def count(*batches, known=frozenset({("digits", "1.0.0")})):
    return counting.count(batches, bucket_seconds=HOUR, known_versions=known)


def test_a_record_counts_once_in_every_scope_of_its_device():
    counts = count(batch(record(7), labels={"site": "osaka", "line": "a"}))
    scopes = {key.scope for key in counts if key.metric == "class"}
    assert scopes == {
        Scope("fleet", ""),
        Scope("target", "rk3588"),
        Scope("label", "site=osaka"),
        Scope("label", "line=a"),
        Scope("device", "edge-1"),
    }
    assert all(bins == {7: 1} for key, bins in counts.items() if key.metric == "class")


def test_counts_equal_a_plain_count_whatever_the_order_and_the_cut_into_batches():
    rng = random.Random(4)
    records = [
        record(
            rng.randrange(-1, 12),
            at=NOW - timedelta(minutes=rng.randrange(180)),
            confidence=rng.random(),
            latency_ms=rng.expovariate(0.1),
        )
        for _ in range(500)
    ]
    whole = count(batch(*records))
    rng.shuffle(records)
    parts = [count(batch(*records[start : start + 37])) for start in range(0, 500, 37)]
    merged: dict[Key, Counter] = {}
    for part in parts:
        for key, bins in part.items():
            merged.setdefault(key, Counter()).update(bins)
    assert {key: dict(bins) for key, bins in merged.items()} == whole
    plain = Counter(r.class_id for r in records)
    fleet = Counter()
    for key, bins in whole.items():
        if key.scope.kind == "fleet" and key.metric == "class":
            fleet.update(bins)
    assert fleet == plain


def test_event_time_chooses_the_bucket():
    counts = count(batch(record(at=NOON - timedelta(seconds=1)), record(at=NOON)))
    assert {key.bucket_at for key in counts} == {NOON, NOON - timedelta(hours=1)}


def test_an_unbelievable_clock_counts_at_arrival_and_is_said():
    counts = count(batch(record(at=NOW - timedelta(days=31)), record(at=NOW + timedelta(minutes=6)), record()))
    totals = counts[Key(NOON, Scope("fleet", ""), "digits", "1.0.0", "totals")]
    assert (totals[Total.RECORDS], totals[Total.CLOCK_SUSPECT]) == (3, 2)


def test_an_unknown_version_is_counted_and_flagged():
    totals = count(batch(record(version="9.9.9")))[Key(NOON, Scope("fleet", ""), "digits", "9.9.9", "totals")]
    assert totals[Total.UNKNOWN_VERSION] == 1


def test_a_record_without_model_belongs_to_the_default_one():
    assert {key.model for key in count(batch(record(model=None), default="faces"))} == {"faces"}


def test_class_ids_stop_at_the_cap_and_none_is_lost():
    counts = count(batch(*[record(number) for number in range(1100)], *[record(5)] * 3))
    row = counts[Key(NOON, Scope("fleet", ""), "digits", "1.0.0", "class")]
    other = counts[Key(NOON, Scope("fleet", ""), "digits", "1.0.0", "class_other")]
    assert len(row) == counting.MAX_CLASS_IDS
    assert row[5] == 4
    assert sum(row.values()) + other[0] == 1103


def test_extreme_class_ids_and_latencies_fit():
    counts = count(batch(record(2**63 - 1, latency_ms=1e12), record(-(2**63), latency_ms=0.0)))
    assert set(counts[Key(NOON, Scope("fleet", ""), "digits", "1.0.0", "class")]) == {2**63 - 1, -(2**63)}
