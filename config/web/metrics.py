"""``GET /metrics``: the state of the installation for Prometheus, read from the database at each request.

All metrics are gauges of rows. No process counts by itself, so each web process gives the same answer.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Count, Manager
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from rest_framework.request import Request

from analytics.models import Alert
from core.api.endpoint import Endpoint
from core.roles import Area
from fleet.models import Deployment, Device, Rollout
from ingest.landing import backlog
from ingest.models import LandedBatch, LandingState
from registry.models import Job, ModelVersion


class _Collector:
    """Reads all gauges from the database at each request."""

    counted: ClassVar[list[tuple[str, str, Manager[Any], str]]] = [
        ("modelfleet_devices", "Devices by state", Device.objects, "state"),
        ("modelfleet_deployments", "Deployments by state", Deployment.objects, "state"),
        ("modelfleet_rollouts", "Rollouts by state", Rollout.objects, "state"),
        ("modelfleet_versions", "Versions by status", ModelVersion.objects, "status"),
        ("modelfleet_jobs", "Jobs of workers by status", Job.objects, "status"),
        ("modelfleet_alerts", "Drift alerts by state", Alert.objects, "state"),
    ]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, text, rows, column in self.counted:
            family = GaugeMetricFamily(name, text, labels=[column])
            for value, count in rows.values_list(column).annotate(Count("pk")).order_by(column):
                family.add_metric([value], count)
            yield family
        waiting = backlog.count_waiting(limit=settings.INGEST_BACKLOG_LIMIT)
        yield GaugeMetricFamily(
            "modelfleet_ingest_backlog_batches", "Batches not yet counted, up to the limit", waiting
        )
        age = backlog.age_seconds(at=timezone.now())
        yield GaugeMetricFamily("modelfleet_ingest_backlog_age_seconds", "Age of the oldest waiting batch", age)
        aside = LandedBatch.objects.filter(state=LandingState.QUARANTINED).count()
        yield GaugeMetricFamily("modelfleet_ingest_quarantined_batches", "Batches that could not be read", aside)


class Metrics(Endpoint):
    """The metrics, for API tokens of any role."""

    area = Area.FLEET

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        """Answer in the text format of Prometheus."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector())
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
