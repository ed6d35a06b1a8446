"""GET /api/alerts, POST /api/alerts/{id}/acknowledge, POST /api/alerts/{id}/resolve."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.alerts import queries
from analytics.alerts import verbs as alerts
from analytics.models import Alert
from analytics.states import SEVERITIES, AlertState
from core.api.answers import Answer, TimeField
from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.strictness import StrictBody
from core.errors import Invalid
from core.roles import Area

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "state".
STATES = [state.value for state in AlertState]


class AlertScopeAnswer(Answer[Alert]):
    """Where the drift is: kind ``fleet`` with an empty value, or kind ``label`` with ``key=value``."""

    kind = serializers.CharField(source="scope_kind")
    value = serializers.CharField(source="scope_value")


class AlertAnswer(Answer[Alert]):
    """An alert; ``sentence`` says why it fires, ``evidence`` has the numbers."""

    id = serializers.IntegerField()
    model = serializers.CharField()
    version = serializers.CharField()
    scope = AlertScopeAnswer(source="*")
    metric = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    sentence = serializers.CharField()
    evidence = serializers.JSONField()
    pending_at = TimeField()
    fired_at = TimeField(allow_null=True)
    resolved_at = TimeField(allow_null=True)
    resolved_by = serializers.CharField()
    acknowledged_at = TimeField(allow_null=True)
    acknowledged_by = serializers.CharField()
    updated_at = TimeField()


class EmptyBody(StrictBody):
    """An empty body: the address says everything."""


class Alerts(Endpoint):
    """Open alerts and those that are over."""

    area = Area.FLEET

    @extend_schema(
        operation_id="alerts",
        parameters=[
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("model", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses=page_of(AlertAnswer),
    )
    def get(self, request: Request) -> Response:
        """List alerts, newest first."""
        state, model = request.query_params.get("state"), request.query_params.get("model")
        if state is not None and state not in STATES:
            raise Invalid.field("state", f"must be one of {', '.join(STATES)}.")
        if "\0" in (model or ""):
            raise Invalid.field("model", "may not contain NUL.")
        rows = queries.list_alerts(model=model, states=None if state is None else [AlertState(state)])
        return Response(keyset_page(request, rows, descending=True, render=AlertAnswer.of))


class Acknowledge(Endpoint):
    """A person has seen an alert."""

    area = Area.FLEET

    @extend_schema(operation_id="acknowledge_alert", request=EmptyBody, responses=AlertAnswer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Acknowledge an open alert; the first person is kept."""
        EmptyBody(data=request.data).is_valid(raise_exception=True)
        alert = alerts.acknowledge(alert_id, actor=actor_of(request.user), at=timezone.now())
        return Response(AlertAnswer.of(alert))


class Resolve(Endpoint):
    """A person ends an alert."""

    area = Area.FLEET

    @extend_schema(operation_id="resolve_alert", request=EmptyBody, responses=AlertAnswer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Resolve an open alert by hand; drift that goes on raises a new alert."""
        EmptyBody(data=request.data).is_valid(raise_exception=True)
        alert = alerts.resolve(alert_id, actor=actor_of(request.user), at=timezone.now())
        return Response(AlertAnswer.of(alert))
