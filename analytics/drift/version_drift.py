"""Drift of one model version against the baseline in force, as people and programs read it (docs/wire-format.md, *Drift*)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from analytics.drift import baselines_in_force, device_drift, queries
from analytics.drift.baselines_in_force import BaselineInForce, BaselineSummary
from analytics.drift.counts import Counts
from analytics.drift.device_drift import DeviceDrift, DevicesDrift
from analytics.drift.queries import VersionName
from analytics.drift.statistics import comparison, confidence, latency
from analytics.drift.statistics.comparison import BinShare, Comparison
from analytics.drift.statistics.confidence import ConfidenceSummary
from analytics.drift.statistics.latency import LatencySummary
from analytics.drift.statistics.severity import THRESHOLDS, Status, Thresholds
from analytics.drift.windows import Window
from ingest.roll_ups.keys import FLEET, Scope


@dataclass(frozen=True, slots=True)
class LatencyDrift:
    """Latency of the window beside the baseline's, and per hardware target at fleet scope."""

    current: LatencySummary
    baseline: LatencySummary | None
    by_target: dict[str, LatencySummary]


@dataclass(frozen=True, slots=True)
class Drift:
    """The whole answer. ``psi_raw`` is over every class id on either side; ``bins`` are the ones decisions are made in.

    Without a baseline everything that needs one is None or empty, and ``samples`` is still given.
    """

    model: str
    version: str
    scope: Scope
    as_of: datetime
    window: Window
    baseline: BaselineSummary | None
    samples: int
    required_samples: int | None
    status: Status
    psi_raw: float | None
    psi_adjusted: float | None
    p_value: float | None
    noise_band: float | None
    overdispersion: float
    bins: list[BinShare]
    confidence: ConfidenceSummary
    latency: LatencyDrift
    devices: DevicesDrift
    # Empty until features are counted.
    features: list[object] = field(default_factory=list)

    @property
    def has_baseline(self) -> bool:
        """Whether the version has a baseline to compare with."""
        return self.baseline is not None


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One time bucket; the indices are None without a baseline."""

    start_at: datetime
    end_at: datetime
    samples: int
    is_sufficient: bool
    psi_raw: float | None
    psi_adjusted: float | None
    noise_band: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """Drift per time bucket, oldest first; buckets without data have no point."""

    model: str
    version: str
    scope: Scope
    window: Window
    baseline: BaselineSummary | None
    overdispersion: float
    thresholds: Thresholds
    points: list[SeriesPoint]


def window_of(length: timedelta, *, at: datetime) -> Window:
    """Return the aligned window of a length that ends at a time."""
    return Window.ending(at, length=length, bucket=settings.ROLLUP_BUCKET)


def get(version: VersionName, *, scope: Scope, length: timedelta, at: datetime) -> Drift:
    """Compare one scope of a version over a window that ends at a time.

    Raises:
        UnknownModel: The model is not registered and sent nothing in the window.
        UnknownVersion: The version is not registered and sent nothing in the window.
    """
    window = window_of(length, at=at)
    counts = queries.sum_counts(version, scope=scope, window=window)
    baseline = baselines_in_force.find(version, has_traffic=bool(counts.samples))
    compared = _compare(counts.classes, baseline)
    devices = device_drift.rank(version, baseline, scope=scope, window=window)
    return Drift(
        model=version.model,
        version=version.number,
        scope=scope,
        as_of=at,
        window=window,
        baseline=baseline.summary if baseline else None,
        samples=counts.samples,
        required_samples=compared.required_samples if compared else None,
        status=compared.status() if compared else Status.NO_BASELINE,
        psi_raw=compared.psi_raw if compared else None,
        psi_adjusted=compared.psi_adjusted if compared else None,
        p_value=compared.p_value if compared else None,
        noise_band=compared.noise_band if compared else None,
        overdispersion=settings.DRIFT_OVERDISPERSION,
        bins=list(compared.bins) if compared else [],
        confidence=_confidence(counts, baseline),
        latency=_latency(version, counts, baseline, scope=scope, window=window),
        devices=device_drift.summarize(devices),
    )


def get_series(version: VersionName, *, scope: Scope, length: timedelta, at: datetime) -> Series:
    """Compare one scope of a version per time bucket.

    Raises:
        UnknownModel: The model is not registered and sent nothing in the window.
        UnknownVersion: The version is not registered and sent nothing in the window.
    """
    window = window_of(length, at=at)
    buckets = queries.sum_classes_by_bucket(version, scope=scope, window=window)
    baseline = baselines_in_force.find(version, has_traffic=bool(buckets))
    return Series(
        model=version.model,
        version=version.number,
        scope=scope,
        window=window,
        baseline=baseline.summary if baseline else None,
        overdispersion=settings.DRIFT_OVERDISPERSION,
        thresholds=THRESHOLDS,
        points=[_point(bucket, baseline) for bucket in buckets],
    )


def list_devices(version: VersionName, *, scope: Scope, length: timedelta, at: datetime) -> list[DeviceDrift]:
    """Compare every device of a scope, worst first.

    Raises:
        UnknownModel: The model is not registered and no device sent anything in the window.
        UnknownVersion: The version is not registered and no device sent anything in the window.
    """
    window = window_of(length, at=at)
    has_traffic = bool(queries.sum_counts(version, scope=scope, window=window).samples)
    baseline = baselines_in_force.find(version, has_traffic=has_traffic)
    return device_drift.rank(version, baseline, scope=scope, window=window)


def _compare(classes: dict[str, int], baseline: BaselineInForce | None) -> Comparison | None:
    if baseline is None:
        return None
    return comparison.compare(classes, reference=baseline.reference, overdispersion=settings.DRIFT_OVERDISPERSION)


def _confidence(counts: Counts, baseline: BaselineInForce | None) -> ConfidenceSummary:
    return confidence.summarize(
        counts.confidence,
        baseline=baseline.counts.confidence if baseline else None,
        overdispersion=settings.DRIFT_OVERDISPERSION,
    )


def _latency(
    version: VersionName, counts: Counts, baseline: BaselineInForce | None, *, scope: Scope, window: Window
) -> LatencyDrift:
    by_target = queries.sum_latency_by_target(version, window=window) if scope == FLEET else {}
    return LatencyDrift(
        current=latency.summarize(counts.latency),
        baseline=latency.summarize(baseline.counts.latency) if baseline else None,
        by_target={target: latency.summarize(bins) for target, bins in by_target.items()},
    )


def _point(bucket: queries.BucketClasses, baseline: BaselineInForce | None) -> SeriesPoint:
    compared = _compare(bucket.classes, baseline)
    return SeriesPoint(
        start_at=bucket.start_at,
        end_at=bucket.end_at,
        samples=sum(bucket.classes.values()),
        is_sufficient=bool(compared and compared.is_sufficient),
        psi_raw=compared.psi_raw if compared else None,
        psi_adjusted=compared.psi_adjusted if compared else None,
        noise_band=compared.noise_band if compared else None,
    )
