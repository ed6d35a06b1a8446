"""Answers about drift (docs/wire-format.md, *Drift*)."""

from rest_framework import serializers

from analytics.drift.baselines_in_force import BaselineSummary
from analytics.drift.device_drift import DeviceDrift, DevicesDrift
from analytics.drift.statistics.comparison import BinShare
from analytics.drift.statistics.confidence import ConfidenceSummary
from analytics.drift.statistics.latency import LatencySummary
from analytics.drift.statistics.severity import Status, Thresholds
from analytics.drift.version_drift import Drift, LatencyDrift, Series, SeriesPoint
from analytics.drift.windows import Window
from core.api.answers import Answer, TimeField

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "status".
STATUSES = [status.value for status in Status]


class BoundsAnswer(Answer[Window]):
    """A time range, from the start of its first bucket to the end of its last."""

    # The name "from" is a word of Python, so it can only be given as text.
    locals()["from"] = TimeField(source="start_at")
    to = TimeField(source="end_at")


class BaselineUsedAnswer(Answer[BaselineSummary]):
    """The baseline that the window was compared with."""

    id = serializers.UUIDField()
    samples = serializers.IntegerField()


class BinShareAnswer(Answer[BinShare]):
    """One bin of classes: its share now and in the baseline, and the term of the plain index that they make."""

    bin = serializers.CharField()
    baseline = serializers.FloatField()
    current = serializers.FloatField(allow_null=True)
    contribution = serializers.FloatField(allow_null=True)


class ConfidenceAnswer(Answer[ConfidenceSummary]):
    """Mean confidence now and in the baseline; shares in 20 equal bins on [0, 1]."""

    status = serializers.ChoiceField(choices=STATUSES)
    baseline_mean = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    drop = serializers.FloatField(allow_null=True)
    standard_error = serializers.FloatField(allow_null=True)
    baseline = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    current = serializers.ListField(child=serializers.FloatField(), allow_null=True)


class LatencySummaryAnswer(Answer[LatencySummary]):
    """Latencies in milliseconds; null without samples."""

    samples = serializers.IntegerField()
    mean_ms = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class LatencyAnswer(Answer[LatencyDrift]):
    """Latency in the window and in the baseline; also per hardware target where the scope is the fleet."""

    current = LatencySummaryAnswer()
    baseline = LatencySummaryAnswer(allow_null=True)
    by_target = serializers.DictField(child=LatencySummaryAnswer())


class DeviceDriftAnswer(Answer[DeviceDrift]):
    """One device, compared with the version's baseline."""

    device_id = serializers.CharField()
    samples = serializers.IntegerField()
    status = serializers.ChoiceField(choices=STATUSES)
    psi_raw = serializers.FloatField(allow_null=True)
    psi_adjusted = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True)


class DevicesAnswer(Answer[DevicesDrift]):
    """The devices of the scope that sent something in the window."""

    total = serializers.IntegerField()
    drifting = serializers.IntegerField()
    worst = DeviceDriftAnswer(many=True)


class DriftAnswer(Answer[Drift]):
    """The answer of GET /api/drift."""

    model = serializers.CharField()
    version = serializers.CharField()
    as_of = TimeField()
    window = BoundsAnswer()
    baseline = BaselineUsedAnswer(allow_null=True)
    samples = serializers.IntegerField()
    status = serializers.ChoiceField(choices=STATUSES)
    psi_raw = serializers.FloatField(allow_null=True)
    psi_adjusted = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True)
    bins = BinShareAnswer(many=True)
    confidence = ConfidenceAnswer()
    latency = LatencyAnswer()
    features = serializers.ListField(child=serializers.DictField())
    devices = DevicesAnswer()


class ThresholdsAnswer(Answer[Thresholds]):
    """What the adjusted index is compared with."""

    watch = serializers.FloatField()
    medium = serializers.FloatField()
    high = serializers.FloatField()


class SeriesPointAnswer(Answer[SeriesPoint]):
    """One time bucket. A point that is not sufficient has an index, but too few samples to judge by it."""

    locals()["from"] = TimeField(source="start_at")
    to = TimeField(source="end_at")
    samples = serializers.IntegerField()
    is_sufficient = serializers.BooleanField()
    psi_raw = serializers.FloatField(allow_null=True)
    psi_adjusted = serializers.FloatField(allow_null=True)
    noise_band = serializers.FloatField(allow_null=True)


class SeriesAnswer(Answer[Series]):
    """The answer of GET /api/drift/series."""

    model = serializers.CharField()
    version = serializers.CharField()
    window = BoundsAnswer()
    baseline = BaselineUsedAnswer(allow_null=True)
    overdispersion = serializers.FloatField()
    thresholds = ThresholdsAnswer()
    points = SeriesPointAnswer(many=True)
