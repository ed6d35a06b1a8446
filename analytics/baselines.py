"""Make a version's baseline from the telemetry of its devices."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings

from analytics.drift import queries
from analytics.drift.queries import VersionName
from analytics.drift.statistics.bins import OTHER
from analytics.drift.windows import Window
from core.actors import Actor
from core.errors import DomainError, Kind
from ingest.roll_ups.keys import FLEET
from registry.baselines import verbs as registry_baselines
from registry.baselines.histograms import BINS_VERSION, Statistics
from registry.models import Baseline, ModelVersion


class NoTelemetry(DomainError):
    """The version sent nothing in the window."""

    code: ClassVar[str] = "no_telemetry"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE


class TooManyClasses(DomainError):
    """The version predicts more class ids than the 1,024 that telemetry counts one by one."""

    code: ClassVar[str] = "too_many_classes"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE


def create_from_telemetry(version: ModelVersion, *, length: timedelta, actor: Actor, at: datetime) -> Baseline:
    """Make a baseline of what the whole fleet sent over a window that ends at a time; it is in force at once.

    Raises:
        NoTelemetry: The fleet sent nothing in the window.
        TooManyClasses: Some class ids were not counted one by one.
    """
    window = Window.ending(at, length=length, bucket=settings.ROLLUP_BUCKET)
    counts = queries.sum_counts(VersionName(version.model.slug, version.number), scope=FLEET, window=window)
    if not counts.samples:
        raise NoTelemetry(f"{version} sent no inference between {window.start_at:%c} and {window.end_at:%c} UTC.")
    if OTHER in counts.classes:
        raise TooManyClasses(
            f"{version} predicts more classes than telemetry counts one by one; upload recorded inferences."
        )
    statistics: Statistics = {
        "bins_version": BINS_VERSION,
        "samples": counts.samples,
        "classes": counts.classes,
        "confidence": counts.confidence,
        "latency": {str(latency_bin): number for latency_bin, number in counts.latency.items()},
    }
    return registry_baselines.create(version, statistics=statistics, source="telemetry", actor=actor)
