"""POST /api/models/{model}/versions/{version}/baseline: recorded inferences as a file, or the fleet's own telemetry."""

from pathlib import Path

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import baselines
from analytics.api import drift_parameters
from core.actors import Actor
from core.api.answers import Answer, TimeField
from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.parsing import BoundedJSONParser
from core.api.strictness import StrictBody
from core.errors import Invalid
from core.roles import Area
from core.uploads import takes_uploads
from registry.baselines import verbs as registry_baselines
from registry.models import Baseline, ModelVersion
from registry.versions import queries as registry_queries


class BaselineAnswer(Answer[Baseline]):
    """A baseline in force; ``statistics`` has its counts."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="version.model.slug")
    version = serializers.CharField(source="version.number")
    # Fields have an attribute of this name already, which the serializer keeps for itself.
    locals()["source"] = serializers.ChoiceField(choices=["upload", "telemetry"])
    samples = serializers.IntegerField()
    created_at = TimeField()
    created_by = serializers.CharField()
    statistics = serializers.JSONField()


class RecordedInferencesBody(StrictBody):
    """A file of ingest records, one JSON object per line."""

    file = serializers.FileField()


class TelemetryWindowBody(StrictBody):
    """``{"from": "telemetry", "window": "24h"}``; DRIFT_WINDOW where no window is given."""

    # The name "from" is a word of Python, so it can only be given as text.
    locals()["from"] = serializers.ChoiceField(choices=["telemetry"])
    window = serializers.CharField(required=False, default="")


@takes_uploads(Area.MODELS)
class NewBaseline(Endpoint):
    """Puts a baseline in force."""

    area = Area.MODELS
    parser_classes = [MultiPartParser, BoundedJSONParser]

    @extend_schema(
        operation_id="create_baseline",
        request={"multipart/form-data": RecordedInferencesBody, "application/json": TelemetryWindowBody},
        responses={201: BaselineAnswer},
    )
    def post(self, request: Request, model: str, version: str) -> Response:
        """Make a version's baseline; the newest one is in force."""
        found = registry_queries.get_version(model, version)
        create = _from_file if (request.content_type or "").startswith("multipart/") else _from_telemetry
        baseline = create(found, request, actor=actor_of(request.user))
        return Response(BaselineAnswer.of(baseline), status=status.HTTP_201_CREATED)


def _from_file(version: ModelVersion, request: Request, *, actor: Actor) -> Baseline:
    form = RecordedInferencesBody(data=request.data)
    form.is_valid(raise_exception=True)
    upload = form.validated_data["file"]
    if not isinstance(upload, TemporaryUploadedFile):
        raise Invalid.field("file", "must be a file.")
    statistics = registry_baselines.read_statistics(Path(upload.temporary_file_path()))
    return registry_baselines.create(version, statistics=statistics, source="upload", actor=actor)


def _from_telemetry(version: ModelVersion, request: Request, *, actor: Actor) -> Baseline:
    form = TelemetryWindowBody(data=request.data)
    form.is_valid(raise_exception=True)
    length = drift_parameters.read_window(form.validated_data["window"])
    return baselines.create_from_telemetry(version, length=length, actor=actor, at=timezone.now())
