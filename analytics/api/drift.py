"""GET /api/drift, /api/drift/series, /api/drift/devices."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api import drift_parameters
from analytics.api.drift_answers import DeviceDriftAnswer, DriftAnswer, SeriesAnswer
from analytics.drift import version_drift
from core.api.endpoint import Endpoint
from core.api.paging import page_of, ranked_page
from core.roles import Area

QUESTION = [
    OpenApiParameter("model", str, required=True),
    OpenApiParameter("version", str, required=True),
    OpenApiParameter("window", str, description="Duration such as 1h, 24h, 7d; DRIFT_WINDOW where it is not given."),
    OpenApiParameter("target", str, description="Only this hardware target. One filter at a time."),
    OpenApiParameter("label", str, description="Only devices with this label, as key:value."),
    OpenApiParameter("device_id", str, description="Only this device."),
]


class Drift(Endpoint):
    """Drift of a version from its baseline in force."""

    area = Area.FLEET

    @extend_schema(operation_id="drift", parameters=QUESTION, responses=DriftAnswer)
    def get(self, request: Request) -> Response:
        """Compare one window of the fleet, a target, a label or a device."""
        return Response(DriftAnswer.of(version_drift.get(**drift_parameters.read(request.query_params))))


class DriftSeries(Endpoint):
    """Drift over time."""

    area = Area.FLEET

    @extend_schema(operation_id="drift_series", parameters=QUESTION, responses=SeriesAnswer)
    def get(self, request: Request) -> Response:
        """Compare every time bucket of the window that has data."""
        return Response(SeriesAnswer.of(version_drift.get_series(**drift_parameters.read(request.query_params))))


class DriftDevices(Endpoint):
    """Drift per device."""

    area = Area.FLEET

    @extend_schema(
        operation_id="drift_devices",
        parameters=[*QUESTION, OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses=page_of(DeviceDriftAnswer),
    )
    def get(self, request: Request) -> Response:
        """List the devices that sent something in the window, worst first."""
        rows = version_drift.list_devices(**drift_parameters.read(request.query_params, ignoring={"limit", "cursor"}))
        return Response(ranked_page(request, rows, key=lambda row: row.place, render=DeviceDriftAnswer.of))
