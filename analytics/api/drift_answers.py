"""Shapes of the answers about drift (docs/wire-format.md, *Drift*)."""

from typing import Any

from rest_framework import serializers

from analytics.drift.statistics import severity

STATUSES = [status.value for status in severity.Status]


class _Shape(serializers.Serializer[Any]):
    """Reads attributes, writes JSON; never used for input."""


class BoundsSerializer(_Shape):
    """Aligned bounds of a time range."""

    to = serializers.DateTimeField(source="end_at")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Put ``from`` first, which is no name in Python."""
        return {"from": serializers.DateTimeField(source="start_at"), **super().get_fields()}


class BaselineUsedSerializer(_Shape):
    """The baseline compared with."""

    id = serializers.UUIDField()
    samples = serializers.IntegerField()


class BinShareSerializer(_Shape):
    """One bar: shares on both sides and their term of the plain index."""

    bin = serializers.CharField()
    baseline = serializers.FloatField()
    current = serializers.FloatField(allow_null=True)
    contribution = serializers.FloatField(allow_null=True)


class ConfidenceSerializer(_Shape):
    """Mean confidence against the baseline's; shares in 20 equal bins on [0, 1]."""

    status = serializers.ChoiceField(choices=STATUSES)
    baseline_mean = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    drop = serializers.FloatField(allow_null=True)
    standard_error = serializers.FloatField(allow_null=True)
    baseline = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    current = serializers.ListField(child=serializers.FloatField(), allow_null=True)


class LatencySummarySerializer(_Shape):
    """Milliseconds."""

    samples = serializers.IntegerField()
    mean_ms = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class LatencySerializer(_Shape):
    """The window beside the baseline, and per hardware target at fleet scope."""

    current = LatencySummarySerializer()
    baseline = LatencySummarySerializer(allow_null=True)
    by_target = serializers.DictField(child=LatencySummarySerializer())


class DeviceDriftSerializer(_Shape):
    """One device against the version's baseline."""

    device_id = serializers.CharField()
    samples = serializers.IntegerField()
    status = serializers.ChoiceField(choices=STATUSES)
    psi_raw = serializers.FloatField(allow_null=True)
    psi_adjusted = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True)


class DeviceDriftPageSerializer(_Shape):
    """Devices, worst first."""

    results = DeviceDriftSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DevicesSerializer(_Shape):
    """The devices of the scope that sent something in the window."""

    total = serializers.IntegerField()
    drifting = serializers.IntegerField()
    worst = DeviceDriftSerializer(many=True)


class DriftSerializer(_Shape):
    """The answer of GET /api/drift."""

    model = serializers.CharField()
    version = serializers.CharField()
    as_of = serializers.DateTimeField()
    window = BoundsSerializer()
    baseline = BaselineUsedSerializer(allow_null=True)
    samples = serializers.IntegerField()
    status = serializers.ChoiceField(choices=STATUSES)
    psi_raw = serializers.FloatField(allow_null=True)
    psi_adjusted = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True)
    bins = BinShareSerializer(many=True)
    confidence = ConfidenceSerializer()
    latency = LatencySerializer()
    features = serializers.ListField(child=serializers.DictField())
    devices = DevicesSerializer()


class ThresholdsSerializer(_Shape):
    """The lines of the chart; the adjusted index is held against them."""

    watch = serializers.FloatField()
    medium = serializers.FloatField()
    high = serializers.FloatField()


class SeriesPointSerializer(BoundsSerializer):
    """One time bucket. ``insufficient`` points have an index, but too few samples to judge by it."""

    samples = serializers.IntegerField()
    is_sufficient = serializers.BooleanField()
    psi_raw = serializers.FloatField(allow_null=True)
    psi_adjusted = serializers.FloatField(allow_null=True)
    noise_band = serializers.FloatField(allow_null=True)


class SeriesSerializer(_Shape):
    """The answer of GET /api/drift/series."""

    model = serializers.CharField()
    version = serializers.CharField()
    window = BoundsSerializer()
    baseline = BaselineUsedSerializer(allow_null=True)
    overdispersion = serializers.FloatField()
    thresholds = ThresholdsSerializer()
    points = SeriesPointSerializer(many=True)
