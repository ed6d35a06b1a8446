"""GET /api/alerts, POST /api/alerts/{id}/acknowledge, POST /api/alerts/{id}/resolve."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.alerts import verbs as alerts
from analytics.models import Alert
from analytics.states import AlertState
from core.api.authentication import actor_of
from core.api.paging import keyset_page
from core.api.strictness import StrictSerializer
from core.errors import Invalid
from core.roles import Area

STATES = [state.value for state in AlertState]


class AlertScopeSerializer(serializers.Serializer[Any]):
    """Where it was seen: ``fleet`` with an empty value, or ``label`` with ``key=value``."""

    kind = serializers.CharField(source="scope_kind")
    value = serializers.CharField(source="scope_value")


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert; ``sentence`` says why it fires, ``evidence`` has the numbers."""

    scope = AlertScopeSerializer(source="*")
    state = serializers.ChoiceField(choices=STATES)

    class Meta:
        model = Alert
        fields = [
            "id",
            "model",
            "version",
            "scope",
            "metric",
            "state",
            "severity",
            "sentence",
            "evidence",
            "pending_at",
            "fired_at",
            "resolved_at",
            "resolved_by",
            "acknowledged_at",
            "acknowledged_by",
            "updated_at",
        ]


class AlertPageSerializer(serializers.Serializer[Any]):
    """Alerts, newest first."""

    results = AlertSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class NothingSerializer(StrictSerializer):
    """The body of a request that says everything by its address."""


class Alerts(APIView):
    """What drifts, and what did."""

    area = Area.FLEET

    @extend_schema(
        operation_id="alerts",
        parameters=[
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("model", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=AlertPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """List alerts, newest first."""
        wanted = {name: request.query_params[name] for name in ("state", "model") if name in request.query_params}
        if wanted.get("state", AlertState.FIRING) not in STATES:
            raise Invalid.field("state", f"must be one of {', '.join(STATES)}.")
        if "\0" in wanted.get("model", ""):
            raise Invalid.field("model", "may not contain NUL.")
        rows = Alert.objects.filter(**wanted)
        return Response(keyset_page(request, rows, descending=True, render=lambda row: AlertSerializer(row).data))


class Acknowledge(APIView):
    """Somebody has seen it."""

    area = Area.FLEET

    @extend_schema(operation_id="acknowledge_alert", request=NothingSerializer, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Acknowledge an open alert; the first to do so is kept."""
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        alert = alerts.acknowledge(alert_id, actor=actor_of(request.user), at=timezone.now())
        return Response(AlertSerializer(alert).data)


class Resolve(APIView):
    """Somebody ends it."""

    area = Area.FLEET

    @extend_schema(operation_id="resolve_alert", request=NothingSerializer, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Resolve an open alert by hand; drift that goes on raises a new one."""
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        alert = alerts.resolve(alert_id, actor=actor_of(request.user), at=timezone.now())
        return Response(AlertSerializer(alert).data)
