"""Everything that the drift page shows of one version at one place over one window."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.db.models import QuerySet

from analytics.alerts import queries as alert_queries
from analytics.drift import baselines_in_force, scope_drift, scopes, version_drift
from analytics.drift.device_drift import DeviceDrift
from analytics.drift.queries import VersionName
from analytics.drift.scope_drift import ScopeDrift
from analytics.drift.version_drift import Drift, SeriesPoint
from analytics.models import Alert
from analytics.web import charts, drift_filters, links, status_sentence
from analytics.web.drift_filters import DriftFilters, Place
from console.charts import Bars, Columns, LineChart, SharePairs
from core.formats.durations import format_duration
from ingest.landing import backlog
from ingest.roll_ups.keys import Scope, ScopeKind

_SCOPES_SHOWN = 40


class DriftCharts(TypedDict):
    """The charts of the page."""

    psi: LineChart
    classes: SharePairs
    contributions: Bars
    confidence: Columns


@dataclass(frozen=True, slots=True)
class RankedRow:
    """One device or scope of a table that is sorted by drift."""

    words: str
    url: str
    drift: DeviceDrift | ScopeDrift


class DriftView(TypedDict):
    """The variables of the page's templates. ``points`` are those of the PSI chart, newest first."""

    drift: Drift
    sentence: str
    charts: DriftCharts
    points: list[SeriesPoint]
    place: Place
    place_words: str
    window: str
    bucket: timedelta
    worst_devices: list[RankedRow]
    worst_scopes: list[RankedRow]
    alerts: QuerySet[Alert]
    alert_window: str
    backlog_seconds: float
    backlog_batches: int
    filters: DriftFilters


def describe(version: VersionName, *, scope: Scope, length: timedelta, at: datetime) -> DriftView:
    """Measure the drift, and return what the page shows of it.

    Raises:
        UnknownModel: The model is not registered and sent nothing in the window.
        UnknownVersion: The version is not registered and sent nothing in the window.
    """
    found = version_drift.get(version, scope=scope, length=length, at=at)
    series = version_drift.get_series(version, scope=scope, length=length, at=at)
    return {
        "drift": found,
        "sentence": status_sentence.write(found),
        "charts": {
            "psi": charts.describe_series(series),
            "classes": charts.describe_classes(found.bins),
            "contributions": charts.describe_contributions(found.bins),
            "confidence": charts.describe_confidence(found.confidence),
        },
        "points": series.points[::-1],
        "place": Place(scope),
        "place_words": scopes.name(scope),
        "window": format_duration(length),
        "bucket": settings.ROLLUP_BUCKET,
        "worst_devices": _rank_devices(version, found, window=format_duration(length)),
        "worst_scopes": _rank_scopes(version, found, window=format_duration(length)),
        "alerts": alert_queries.list_open(version),
        "alert_window": format_duration(settings.DRIFT_WINDOW),
        "backlog_seconds": backlog.age_seconds(at=at),
        "backlog_batches": backlog.count_waiting(limit=settings.INGEST_BACKLOG_LIMIT),
        "filters": drift_filters.find(version, scope=scope, length=length, at=at),
    }


def _rank_devices(version: VersionName, found: Drift, *, window: str) -> list[RankedRow]:
    return [
        RankedRow(row.device_id, links.drift(version, scope=Scope(ScopeKind.DEVICE, row.device_id), window=window), row)
        for row in found.devices.worst
    ]


def _rank_scopes(version: VersionName, found: Drift, *, window: str) -> list[RankedRow]:
    baseline = baselines_in_force.find(version, has_traffic=True)
    rows = scope_drift.rank(version, baseline, window=found.window)[:_SCOPES_SHOWN]
    return [RankedRow(row.scope.value, links.drift(version, scope=row.scope, window=window), row) for row in rows]
