"""Sums of roll-ups. Rows of equal key add up, so every query here is one GROUP BY over unnested bins."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from analytics.drift.counts import Counts
from analytics.drift.scopes import FLEET, LABEL
from analytics.drift.statistics.bins import OTHER
from analytics.drift.windows import Window
from ingest.roll_ups.counting import Scope

# Every bucket that overlaps, also one of another length, from before ROLLUP_BUCKET was changed.
_FROM = """
FROM ingest_rollup AS row, unnest(row.bins, row.counts) AS pair(bin, number)
WHERE row.bucket_at >= %(reach_at)s AND row.bucket_at < %(end_at)s
AND (row.bucket_at >= %(start_at)s OR row.bucket_at + row.bucket_seconds * interval '1 second' > %(start_at)s)
"""
# How far back such a bucket may begin. An index serves it, so it is no further than the default length.
_REACH = timedelta(hours=1)
_OF_VERSION = " AND row.model = %(model)s AND row.version = %(version)s"
_OF_SCOPE = " AND row.scope_kind = %(scope_kind)s AND row.scope_value = %(scope_value)s"
_OF_CLASSES = " AND row.metric IN ('class', 'class_other')"


@dataclass(frozen=True, slots=True)
class Subject:
    """One model version as telemetry names it; it need not be registered."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class BucketClasses:
    """Class counts of one time bucket."""

    start_at: datetime
    end_at: datetime
    classes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many inferences a version made somewhere."""

    subject: Subject
    scope: Scope
    samples: int


def sum_counts(subject: Subject, *, scope: Scope, window: Window) -> Counts:
    """Sum every histogram of one scope."""
    counts = Counts()
    sql = (
        f"SELECT row.metric, pair.bin, sum(pair.number)::bigint {_FROM}{_OF_VERSION}{_OF_SCOPE}"
        " AND row.metric <> 'totals' GROUP BY 1, 2"
    )
    for metric, bin_, number in _rows(sql, subject=subject, scope=scope, window=window):
        if metric == "confidence":
            counts.confidence[bin_] = number
        elif metric == "latency":
            counts.latency[bin_] = number
        elif metric in {"class", "class_other"}:
            counts.classes[_class_name(metric, bin_)] = number
    return counts


def sum_classes_by_bucket(subject: Subject, *, scope: Scope, window: Window) -> list[BucketClasses]:
    """Sum class counts of one scope per time bucket, oldest first; buckets without data are left out."""
    sql = (
        f"SELECT row.bucket_at, row.bucket_seconds, row.metric, pair.bin, sum(pair.number)::bigint"
        f" {_FROM}{_OF_VERSION}{_OF_SCOPE}{_OF_CLASSES} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"
    )
    buckets: dict[tuple[datetime, int], dict[str, int]] = defaultdict(dict)
    for bucket_at, seconds, metric, bin_, number in _rows(sql, subject=subject, scope=scope, window=window):
        buckets[bucket_at, seconds][_class_name(metric, bin_)] = number
    return [
        BucketClasses(start_at, start_at + timedelta(seconds=seconds), classes)
        for (start_at, seconds), classes in buckets.items()
    ]


def sum_classes_by_scope(subject: Subject, *, kind: str, window: Window) -> dict[str, dict[str, int]]:
    """Sum class counts per scope of one kind, as ``{scope value: {class: count}}``."""
    sql = (
        f"SELECT row.scope_value, row.metric, pair.bin, sum(pair.number)::bigint {_FROM}{_OF_VERSION}{_OF_CLASSES}"
        " AND row.scope_kind = %(scope_kind)s GROUP BY 1, 2, 3"
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for value, metric, bin_, number in _rows(sql, subject=subject, scope=Scope(kind, ""), window=window):
        found[value][_class_name(metric, bin_)] = number
    return found


def sum_latency_by_target(subject: Subject, *, window: Window) -> dict[str, dict[int, int]]:
    """Sum latency bins per hardware target: latencies of different targets are never pooled for a judgement."""
    sql = (
        f"SELECT row.scope_value, pair.bin, sum(pair.number)::bigint {_FROM}{_OF_VERSION}"
        " AND row.scope_kind = 'target' AND row.metric = 'latency' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for target, bin_, number in _rows(sql, subject=subject, window=window):
        found[target][bin_] = number
    return found


def sum_classes_of_sweep(window: Window) -> dict[Subject, dict[Scope, dict[str, int]]]:
    """Sum class counts of every version with traffic, at the fleet and at each label."""
    sql = (
        f"SELECT row.model, row.version, row.scope_kind, row.scope_value, row.metric, pair.bin, sum(pair.number)::bigint"
        f" {_FROM}{_OF_CLASSES} AND row.scope_kind = ANY(%(scope_kinds)s) GROUP BY 1, 2, 3, 4, 5, 6"
    )
    found: dict[Subject, dict[Scope, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in _rows(sql, window=window, scope_kinds=[FLEET.kind, LABEL]):
        model, version, kind, value, metric, bin_, number = row
        found[Subject(model, version)][Scope(kind, value)][_class_name(metric, bin_)] = number
    return found


def list_traffic(window: Window, *, kinds: Sequence[str] = (FLEET.kind,)) -> list[Traffic]:
    """List versions and scopes with data, by model, version and scope."""
    sql = (
        f"SELECT row.model, row.version, row.scope_kind, row.scope_value, sum(pair.number)::bigint"
        f" {_FROM}{_OF_CLASSES} AND row.scope_kind = ANY(%(scope_kinds)s) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    rows = _rows(sql, window=window, scope_kinds=list(kinds))
    return [
        Traffic(Subject(model, version), Scope(kind, value), samples) for model, version, kind, value, samples in rows
    ]


def _class_name(metric: str, bin_: int) -> str:
    return OTHER if metric == "class_other" else str(bin_)


def _rows(
    sql: str,
    *,
    window: Window,
    subject: Subject | None = None,
    scope: Scope | None = None,
    scope_kinds: list[str] | None = None,
) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        "reach_at": window.start_at - _REACH,
        "start_at": window.start_at,
        "end_at": window.end_at,
        "model": subject.model if subject else None,
        "version": subject.version if subject else None,
        "scope_kind": scope.kind if scope else None,
        "scope_value": scope.value if scope else None,
        "scope_kinds": scope_kinds,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
