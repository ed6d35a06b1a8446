"""Sums of roll-ups. Rows of equal key add up, so every query is one GROUP BY over unnested bins."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from analytics.drift.counts import Counts
from analytics.drift.statistics.bins import OTHER
from analytics.drift.windows import Window
from ingest.roll_ups.keys import Metric, Scope, ScopeKind

# A roll-up keeps a histogram as two arrays of equal length, and unnest makes one row per bin of them.
# Every bucket that overlaps the window counts. Where ROLLUP_BUCKET was changed, an old bucket of another length may begin before
# the window and end inside: the last line finds it. An index cannot serve that line, so the line before bounds the search.
_FROM = """
FROM ingest_rollup AS row, unnest(row.bins, row.counts) AS pair(bin, number)
WHERE row.bucket_at >= %(reach_at)s AND row.bucket_at < %(end_at)s
AND (row.bucket_at >= %(start_at)s OR row.bucket_at + row.bucket_seconds * interval '1 second' > %(start_at)s)
"""
# How far before the window such a bucket may begin: the default of ROLLUP_BUCKET.
_REACH = timedelta(hours=1)
_OF_VERSION = " AND row.model = %(model)s AND row.version = %(version)s"
_OF_SCOPE = " AND row.scope_kind = %(scope_kind)s AND row.scope_value = %(scope_value)s"
_OF_SCOPE_KINDS = " AND row.scope_kind = ANY(%(scope_kinds)s)"
_OF_METRICS = " AND row.metric = ANY(%(metrics)s)"
# PostgreSQL's sum of bigint is a numeric, which would be a Decimal here.
_NUMBER = "sum(pair.number)::bigint"

_CLASSES = (Metric.CLASS, Metric.CLASS_OTHER)
_HISTOGRAMS = (*_CLASSES, Metric.CONFIDENCE, Metric.LATENCY)


@dataclass(frozen=True, slots=True)
class VersionName:
    """A model version by the names that telemetry gives; it need not be registered."""

    model: str
    number: str


@dataclass(frozen=True, slots=True)
class BucketClasses:
    """Class counts of one time bucket."""

    start_at: datetime
    end_at: datetime
    classes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many inferences a version made at one scope."""

    version: VersionName
    scope: Scope
    samples: int


def sum_counts(version: VersionName, *, scope: Scope, window: Window) -> Counts:
    """Sum every histogram of one scope."""
    counts = Counts()
    sql = f"SELECT row.metric, pair.bin, {_NUMBER} {_FROM}{_OF_VERSION}{_OF_SCOPE}{_OF_METRICS} GROUP BY 1, 2"
    for metric, bin_, number in _read(sql, window, _HISTOGRAMS, **_name(version), **_place(scope)):
        match metric:
            case Metric.CONFIDENCE:
                counts.confidence[bin_] = number
            case Metric.LATENCY:
                counts.latency[bin_] = number
            case _:
                counts.classes[_class_name(metric, bin_)] = number
    return counts


def sum_classes_by_bucket(version: VersionName, *, scope: Scope, window: Window) -> list[BucketClasses]:
    """Sum class counts of one scope per time bucket, oldest first; buckets without data are left out."""
    sql = (
        f"SELECT row.bucket_at, row.bucket_seconds, row.metric, pair.bin, {_NUMBER}"
        f" {_FROM}{_OF_VERSION}{_OF_SCOPE}{_OF_METRICS} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"
    )
    buckets: dict[tuple[datetime, int], dict[str, int]] = defaultdict(dict)
    for bucket_at, seconds, metric, bin_, number in _read(sql, window, _CLASSES, **_name(version), **_place(scope)):
        buckets[bucket_at, seconds][_class_name(metric, bin_)] = number
    return [
        BucketClasses(start_at, start_at + timedelta(seconds=seconds), classes)
        for (start_at, seconds), classes in buckets.items()
    ]


def sum_classes_by_scope(
    version: VersionName, *, kinds: Sequence[ScopeKind], window: Window
) -> dict[Scope, dict[str, int]]:
    """Sum class counts of one version per scope of those kinds, as ``{scope: {class: count}}``."""
    sql = (
        f"SELECT row.scope_kind, row.scope_value, row.metric, pair.bin, {_NUMBER}"
        f" {_FROM}{_OF_VERSION}{_OF_METRICS}{_OF_SCOPE_KINDS} GROUP BY 1, 2, 3, 4"
    )
    found: dict[Scope, dict[str, int]] = defaultdict(dict)
    for kind, value, metric, bin_, number in _read(sql, window, _CLASSES, **_name(version), scope_kinds=list(kinds)):
        found[_scope(kind, value)][_class_name(metric, bin_)] = number
    return found


def sum_latency_by_target(version: VersionName, *, window: Window) -> dict[str, dict[int, int]]:
    """Sum latency bins per hardware target: latencies of different targets are never pooled for a judgment."""
    sql = (
        f"SELECT row.scope_value, pair.bin, {_NUMBER}"
        f" {_FROM}{_OF_VERSION}{_OF_METRICS}{_OF_SCOPE_KINDS} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    rows = _read(sql, window, [Metric.LATENCY], **_name(version), scope_kinds=[ScopeKind.TARGET])
    for target, bin_, number in rows:
        found[target][bin_] = number
    return found


def sum_classes_of_every_version(
    window: Window, *, kinds: Sequence[ScopeKind]
) -> dict[VersionName, dict[Scope, dict[str, int]]]:
    """Sum class counts of every version with traffic, per scope of those kinds."""
    sql = (
        f"SELECT row.model, row.version, row.scope_kind, row.scope_value, row.metric, pair.bin, {_NUMBER}"
        f" {_FROM}{_OF_METRICS}{_OF_SCOPE_KINDS} GROUP BY 1, 2, 3, 4, 5, 6"
    )
    found: dict[VersionName, dict[Scope, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for model, number, kind, value, metric, bin_, count in _read(sql, window, _CLASSES, scope_kinds=list(kinds)):
        found[VersionName(model, number)][_scope(kind, value)][_class_name(metric, bin_)] = count
    return found


def list_traffic(window: Window, *, kinds: Sequence[ScopeKind] = (ScopeKind.FLEET,)) -> list[Traffic]:
    """List versions and scopes with data, by model, version and scope."""
    sql = (
        f"SELECT row.model, row.version, row.scope_kind, row.scope_value, {_NUMBER}"
        f" {_FROM}{_OF_METRICS}{_OF_SCOPE_KINDS} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    rows = _read(sql, window, _CLASSES, scope_kinds=list(kinds))
    return [
        Traffic(VersionName(model, number), _scope(kind, value), samples)
        for model, number, kind, value, samples in rows
    ]


def _class_name(metric: str, bin_: int) -> str:
    return OTHER if metric == Metric.CLASS_OTHER else str(bin_)


def _scope(kind: str, value: str) -> Scope:
    return Scope(ScopeKind(kind), value)


def _name(version: VersionName) -> Mapping[str, str]:
    return {"model": version.model, "version": version.number}


def _place(scope: Scope) -> Mapping[str, str]:
    return {"scope_kind": scope.kind, "scope_value": scope.value}


def _read(
    sql: str, window: Window, metrics: Sequence[Metric], **parameters: str | list[ScopeKind]
) -> list[tuple[Any, ...]]:
    bounds = {"reach_at": window.start_at - _REACH, "start_at": window.start_at, "end_at": window.end_at}
    with connection.cursor() as cursor:
        cursor.execute(sql, {**bounds, "metrics": list(metrics), **parameters})
        return list(cursor.fetchall())
