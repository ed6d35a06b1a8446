"""Count records into histograms: pure, integer, independent of order, so that merging is addition.

A chunk of batches becomes groups (scopes, time bucket, model, version); each group's histograms come from one pass of
numpy over the whole chunk; then every group is added to each of its scopes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from ingest.roll_ups import keys
from ingest.roll_ups.keys import Key, Metric, Scope, Total
from registry.baselines.histograms import CONFIDENCE_BINS, Floats, Integers, confidence_bins, latency_bins
from registry.baselines.inference_records import InferenceRecord

MAX_CLASS_IDS = 1024
OLDEST_EVENT = timedelta(days=30)
NEWEST_EVENT = timedelta(minutes=5)
# Sums are fixed-point millionths in int64, so that adding them in any order gives the same number to the last bit.
MICRO = 1_000_000
_LONGEST_SUMMED_LATENCY_MS = 1e9
# Where a sum of them ends: far from what devices measure, and within a bigint.
MOST_SUM = 2**62


@dataclass(frozen=True, slots=True)
class CountableBatch:
    """One landed batch, read."""

    device_id: str
    target: str
    labels: Mapping[str, str]
    default_model: str
    received_at: datetime
    records: list[InferenceRecord]


Counts = dict[Key, dict[int, int]]


@dataclass(slots=True)
class _Chunk:
    """Columns of all records of a chunk, and the groups they fall into."""

    groups: dict[tuple[tuple[Scope, ...], datetime, str, str], int] = field(default_factory=dict)
    group: list[int] = field(default_factory=list)
    class_id: list[int] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    is_suspect: list[bool] = field(default_factory=list)


def bucket_of(timestamp: float, *, bucket_seconds: int) -> datetime:
    """Return the start of the time bucket, aligned to the epoch."""
    return datetime.fromtimestamp(int(timestamp // bucket_seconds) * bucket_seconds, tz=UTC)


def count(
    batches: Iterable[CountableBatch], *, bucket_seconds: int, known_versions: frozenset[tuple[str, str]]
) -> Counts:
    """Count a chunk of batches into roll-up rows.

    An event time outside [arrival − 30 days, arrival + 5 minutes] is not believed: the record is counted in the bucket
    of its arrival and as ``CLOCK_SUSPECT``.
    """
    chunk = _Chunk()
    for batch in batches:
        _add_columns(chunk, batch, bucket_seconds=bucket_seconds)
    counts: Counts = defaultdict(lambda: defaultdict(int))
    if chunk.group:
        _add_histograms(chunk, counts)
        _add_totals(chunk, counts, known_versions=known_versions)
        _end_sums(counts)
    return cap_classes(counts)


def cap_classes(counts: Counts) -> Counts:
    """Keep the 1,024 most frequent class ids of each row (ties: the lower id); the rest becomes ``class_other``."""
    capped: Counts = {}
    for key, bins in counts.items():
        if key.metric != Metric.CLASS or len(bins) <= MAX_CLASS_IDS:
            capped[key] = dict(bins)
            continue
        ranked = sorted(bins.items(), key=lambda item: (-item[1], item[0]))
        capped[key] = dict(ranked[:MAX_CLASS_IDS])
        capped[key._replace(metric=Metric.CLASS_OTHER)] = {0: sum(number for _, number in ranked[MAX_CLASS_IDS:])}
    return capped


def _add_columns(chunk: _Chunk, batch: CountableBatch, *, bucket_seconds: int) -> None:
    scopes = keys.scopes_of(device_id=batch.device_id, target=batch.target, labels=batch.labels)
    arrival = batch.received_at.timestamp()
    oldest, newest = arrival - OLDEST_EVENT.total_seconds(), arrival + NEWEST_EVENT.total_seconds()
    # A batch has few groups; this short key finds them again sooner than the whole one.
    known: dict[tuple[float, str | None, str], int] = {}
    for record in batch.records:
        is_suspect = not oldest <= record.timestamp <= newest
        timestamp = arrival if is_suspect else record.timestamp
        key = (timestamp // bucket_seconds, record.model_id, record.model_version)
        group = known.get(key)
        if group is None:
            model = batch.default_model if record.model_id is None else record.model_id
            bucket = bucket_of(timestamp, bucket_seconds=bucket_seconds)
            found = (scopes, bucket, model, record.model_version)
            group = known[key] = chunk.groups.setdefault(found, len(chunk.groups))
        chunk.group.append(group)
        chunk.is_suspect.append(is_suspect)
    chunk.class_id += [record.class_id for record in batch.records]
    chunk.confidence += [record.confidence for record in batch.records]
    chunk.latency_ms += [record.latency_ms for record in batch.records]


def _add_histograms(chunk: _Chunk, counts: Counts) -> None:
    group = np.array(chunk.group, dtype=np.int64)
    confidence = confidence_bins(np.array(chunk.confidence, dtype=np.float64))
    by_confidence = np.bincount(group * CONFIDENCE_BINS + confidence, minlength=len(chunk.groups) * CONFIDENCE_BINS)
    cells = np.flatnonzero(by_confidence)
    _add(chunk, counts, Metric.CONFIDENCE, cells // CONFIDENCE_BINS, cells % CONFIDENCE_BINS, by_confidence[cells])
    columns = {
        Metric.CLASS: np.array(chunk.class_id, dtype=np.int64),
        Metric.LATENCY: latency_bins(np.array(chunk.latency_ms)),
    }
    for metric, column in columns.items():
        values, places = np.unique(column, return_inverse=True)
        cells, numbers = np.unique(group * len(values) + places, return_counts=True)
        _add(chunk, counts, metric, cells // len(values), values[cells % len(values)], numbers)


def _add_totals(chunk: _Chunk, counts: Counts, *, known_versions: frozenset[tuple[str, str]]) -> None:
    group = np.array(chunk.group, dtype=np.int64)
    size = len(chunk.groups)
    confidence = np.array(chunk.confidence, dtype=np.float64)
    latency = np.minimum(np.array(chunk.latency_ms, dtype=np.float64), _LONGEST_SUMMED_LATENCY_MS)
    is_known = np.array([(model, version) in known_versions for _, _, model, version in chunk.groups])
    records = np.bincount(group, minlength=size)
    sums = {
        Total.RECORDS: records,
        Total.CLOCK_SUSPECT: np.bincount(group[np.array(chunk.is_suspect)], minlength=size),
        Total.UNKNOWN_VERSION: np.where(is_known, 0, records),
        Total.CONFIDENCE_MICRO: _sum_micro(group, confidence, size=size),
        Total.CONFIDENCE_SQUARED_MICRO: _sum_micro(group, confidence**2, size=size),
        Total.LATENCY_MS_MICRO: _sum_micro(group, latency, size=size),
    }
    for total, numbers in sums.items():
        cells = np.flatnonzero(numbers)
        _add(chunk, counts, Metric.TOTALS, cells, np.full(cells.shape, int(total)), numbers[cells])


def _sum_micro(group: Integers, values: Floats, *, size: int) -> Integers:
    """Sum per group in integers: floating-point sums would depend on the order of arrival."""
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, group, np.rint(values * MICRO).astype(np.int64))
    if float(values.max()) * MICRO * len(values) >= MOST_SUM:
        sums[np.bincount(group, weights=values, minlength=size) * MICRO >= MOST_SUM] = MOST_SUM
    return sums


def _end_sums(counts: Counts) -> None:
    for key, bins in counts.items():
        if key.metric == Metric.TOTALS and max(bins.values()) > MOST_SUM:
            bins |= {bin_: min(number, MOST_SUM) for bin_, number in bins.items()}


def _add(chunk: _Chunk, counts: Counts, metric: Metric, groups: Integers, bins: Integers, numbers: Integers) -> None:
    found = list(chunk.groups)
    for group, bin_, number in zip(groups.tolist(), bins.tolist(), numbers.tolist(), strict=True):
        scopes, bucket, model, version = found[group]
        for scope in scopes:
            counts[Key(bucket, scope, model, version, metric)][bin_] += number
