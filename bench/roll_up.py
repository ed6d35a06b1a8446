"""Measure how fast telemetry is counted, beside pandas: `python -m bench.roll_up`.

All read the same stored bytes, on one core:

1. ours: `envelope.read_records` and `counting.count`, which make every histogram and sum at every scope
2. a peer: msgspec reads plain objects, pandas groups them once per histogram and scope; its counts must equal ours
3. ours with PostgreSQL: claim, count, COPY, mark; then the fold

Medians of five runs. Exits with 1 if the bar is missed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from bench import installation

BATCH = 100
DEVICES = 50
SEED = 20_260_504
AT = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
BUCKET_SECONDS = 3600
TARGETS = ("generic-cpu", "raspberry-pi-5", "rk3588")
SITES = ("osaka", "lyon", "austin", "pune")
MIN_TIMES_PEER = 2.0
ROUNDS = 5

# (bucket, scope kind, scope value, model, version, metric, bin) → count
Cells = dict[tuple[Any, ...], int]


def main() -> int:
    """Print every figure beside its bar; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--batches", type=int, default=1_000, help="batches of 100 records (default 1,000, which is one chunk)"
    )
    size = parser.parse_args().batches
    with installation.engines(ROLLUP_BUCKET=f"{BUCKET_SECONDS}s"):
        print(installation.describe_machine())
        batches = _land(size)
        records = size * BATCH
        ours, counts = _time(lambda: _count(batches))
        peer, frame_counts = _time(lambda: _group_by(batches))
        expected = {(*_flat(key), bin_): number for key, bins in counts.items() for bin_, number in bins.items()}
        compared = {cell: number for cell, number in expected.items() if cell[5] in _METRICS}
        if compared != frame_counts:
            raise AssertionError("pandas has other counts")
        stored = statistics.median(_roll_up(batches) for _ in range(ROUNDS))
        ratio = peer / ours
        print(
            f"{size:,} batches, {records:,} records, {len(counts):,} rows, {len(compared):,} cells equal on both sides"
        )
        print(f"ours, read and count:        {records / ours:>10,.0f} records/s of processor time")
        print(f"pandas, read and group by:   {records / peer:>10,.0f} records/s of processor time")
        print(f"ours with PostgreSQL:        {records / stored:>10,.0f} records/s, without the time of PostgreSQL")
        print(f"ours ÷ pandas: {ratio:.2f} (bar: at least {MIN_TIMES_PEER:g})")
    return 0 if ratio >= MIN_TIMES_PEER else 1


_METRICS = frozenset({"class", "confidence", "latency", "totals"})


def _time(act: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median of the processor seconds, and the result."""
    times, answer = [], act()
    for _ in range(ROUNDS):
        began = time.process_time()
        answer = act()
        times.append(time.process_time() - began)
    return statistics.median(times), answer


def _land(size: int) -> list[Any]:
    """Make batches that are not stored yet. Half of them cross an hour, and some records are of an unknown version."""
    from ingest.models import LandedBatch

    random = np.random.default_rng(SEED)
    batches = []
    for number in range(size):
        device = int(random.integers(DEVICES))
        batches.append(
            LandedBatch(
                device_id=f"edge-{device}",
                target=TARGETS[device % len(TARGETS)],
                labels={"site": SITES[device % len(SITES)]},
                default_model="digits",
                body=msgspec.json.encode({"device_id": f"edge-{device}", "records": _records(random, number)}),
                received_at=AT,
            )
        )
    return batches


def _records(random: np.random.Generator, number: int) -> list[dict[str, object]]:
    begin = AT.timestamp() - 3600 * float(random.random())
    return [
        {
            "timestamp": begin + index,
            "latency_ms": float(latency),
            "model_id": "digits",
            "model_version": "2.0.0" if number % 3 else "1.0.0",
            "confidence": float(confidence),
            "class_id": int(class_id),
            "request_hash": f"{number:032x}{index:032x}",
        }
        for index, (latency, confidence, class_id) in enumerate(
            zip(random.lognormal(1.5, 0.3, BATCH), random.beta(8, 2, BATCH), random.integers(0, 10, BATCH), strict=True)
        )
    ]


def _count(batches: list[Any]) -> Any:
    from ingest.landing import envelope
    from ingest.roll_ups import counting

    read = [
        counting.CountableBatch(
            device_id=batch.device_id,
            target=batch.target,
            labels=batch.labels,
            default_model=batch.default_model,
            received_at=batch.received_at,
            records=envelope.read_records(batch.body, refused=[]),
        )
        for batch in batches
    ]
    known = frozenset({("digits", "1.0.0")})
    return counting.count(read, bucket_seconds=BUCKET_SECONDS, known_versions=known)


def _group_by(batches: list[Any]) -> Cells:
    import pandas as pd

    from registry.baselines.histograms import confidence_bins, latency_bins

    records: list[dict[str, object]] = []
    for batch in batches:
        records += msgspec.json.decode(batch.body)["records"]
    rows = pd.DataFrame.from_records(records, exclude=["request_hash"])
    for column, values in (
        ("device", [batch.device_id for batch in batches]),
        ("target", [batch.target for batch in batches]),
        ("site", [f"site={batch.labels['site']}" for batch in batches]),
    ):
        rows[column] = np.repeat(values, BATCH)
    rows["fleet"] = ""
    rows["bucket"] = (rows["timestamp"] // BUCKET_SECONDS).astype("int64") * BUCKET_SECONDS
    rows["class"] = rows["class_id"]
    rows["confidence_bin"] = confidence_bins(rows["confidence"].to_numpy())
    rows["latency"] = latency_bins(rows["latency_ms"].to_numpy())
    rows["confidence_micro"] = np.rint(rows["confidence"].to_numpy() * 1e6).astype(np.int64)
    rows["confidence_squared_micro"] = np.rint(rows["confidence"].to_numpy() ** 2 * 1e6).astype(np.int64)
    rows["latency_micro"] = np.rint(rows["latency_ms"].to_numpy() * 1e6).astype(np.int64)
    rows["unknown"] = (rows["model_version"] != "1.0.0").astype(np.int64)
    cells: Cells = {}
    for kind, column in (("fleet", "fleet"), ("target", "target"), ("label", "site"), ("device", "device")):
        key = ["bucket", column, "model_id", "model_version"]
        for metric, of in (("class", "class"), ("confidence", "confidence_bin"), ("latency", "latency")):
            for (bucket, value, model, version, bin_), number in rows.groupby([*key, of], sort=False).size().items():
                cells[bucket, kind, value, model, version, metric, bin_] = int(number)
        _add_totals(cells, rows.groupby(key, sort=False), kind=kind)
    return cells


def _add_totals(cells: Cells, groups: Any, *, kind: str) -> None:
    from ingest.roll_ups.keys import Total

    sums = groups[["unknown", "confidence_micro", "confidence_squared_micro", "latency_micro"]].sum()
    sums.insert(0, "records", groups.size())
    totals = (
        Total.RECORDS,
        Total.UNKNOWN_VERSION,
        Total.CONFIDENCE_MICRO,
        Total.CONFIDENCE_SQUARED_MICRO,
        Total.LATENCY_MS_MICRO,
    )
    for (bucket, value, model, version), *numbers in sums.itertuples():
        for total, number in zip(totals, numbers, strict=True):
            if number:
                cells[bucket, kind, value, model, version, "totals", int(total)] = int(number)


def _flat(key: Any) -> tuple[Any, ...]:
    return (int(key.bucket_at.timestamp()), *key.scope, key.model, key.version, key.metric)


def _roll_up(batches: list[Any]) -> float:
    """Store the batches and roll them up; return the processor seconds of this process for the roll-up."""
    from ingest.models import LandedBatch
    from ingest.roll_ups import folding
    from ingest.roll_ups import verbs as roll_ups

    for batch in batches:
        batch.pk = None
    LandedBatch.objects.bulk_create(batches)
    began = time.process_time()
    while roll_ups.roll_up_chunk():
        pass
    while folding.fold_chunk():
        pass
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
