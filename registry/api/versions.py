"""Versions: upload, list, show, describe, retire, delete."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.parsing import BoundedJSONParser
from core.api.strictness import StrictBody
from core.api.views import PAGE_PARAMETERS
from core.formats.json_depth import TOO_DEEP, is_too_deep
from core.roles import Area
from core.uploads import takes_uploads
from registry.api.answers import SEARCH_PARAMETERS, UploadAnswer, VersionAnswer
from registry.models import ModelVersion
from registry.versions import card, card_rules, model_metadata, queries, retirement, search
from registry.versions import verbs as versions
from registry.versions.details import describe_version
from registry.versions.search import Wanted
from registry.versions.uploads import Upload


@extend_schema_field(OpenApiTypes.OBJECT)
class JsonPart(serializers.Field[Any, Any, Any, Any]):
    """A part of a form that is JSON: a text field, or a file."""

    def to_internal_value(self, data: Any) -> Any:
        """Parse it."""
        text = data.read(model_metadata.MAX_BYTES + 1) if isinstance(data, UploadedFile) else data
        try:
            if is_too_deep(text):
                raise serializers.ValidationError(TOO_DEEP)
            return json.loads(text)
        except (ValueError, TypeError, AttributeError) as error:
            raise serializers.ValidationError("is no JSON.") from error

    def to_representation(self, value: Any) -> Any:
        """Render it as it is."""
        return value


class UploadBody(StrictBody):
    """The form of an upload."""

    file = serializers.FileField()
    version = serializers.CharField(max_length=200)
    calibration = serializers.FileField(required=False)
    evaluation = serializers.FileField(required=False)
    baseline = serializers.FileField(required=False)
    metadata = JsonPart(required=False)
    budget = JsonPart(required=False)
    preset = serializers.CharField(max_length=64, required=False)
    targets = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=100)


class LinkBody(StrictBody):
    """A link of a version's card."""

    title = serializers.CharField()
    url = serializers.CharField()


class CardBody(StrictBody):
    """The parts of a version's card that shall change; a part that is left out stays."""

    description = serializers.CharField(
        max_length=card_rules.MAX_DESCRIPTION, allow_blank=True, trim_whitespace=False, required=False
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    links = LinkBody(many=True, required=False)
    metrics = serializers.DictField(required=False)


class RetireBody(StrictBody):
    """Why the version retires."""

    reason = serializers.CharField(max_length=1_000)


@takes_uploads(Area.MODELS)
class Versions(Endpoint):
    """The versions of a model."""

    area = Area.MODELS

    def get_parsers(self) -> list[BaseParser]:
        """Take forms only where there is something to send."""
        return [MultiPartParser()] if self.request and self.request.method == "POST" else [BoundedJSONParser()]

    @extend_schema(
        operation_id="list_versions",
        parameters=[*PAGE_PARAMETERS, *SEARCH_PARAMETERS],
        responses=page_of(VersionAnswer),
    )
    def get(self, request: Request, model: str) -> Response:
        """List versions, the newest first; ``q`` is part of a number, a description or the name of who uploaded."""
        found = search.find_versions(model, Wanted.read(request.query_params))
        return Response(keyset_page(request, found, descending=True, render=render_version))

    @extend_schema(
        operation_id="upload_version",
        request={"multipart/form-data": UploadBody},
        responses={201: UploadAnswer, 200: UploadAnswer},
    )
    def post(self, request: Request, model: str) -> Response:
        """Upload a version.

        The same bytes again are answered with 200: targets that are new are built, and ``ignored`` names what else was
        different. A rejected version is replaced.
        """
        body = UploadBody(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        files = {name: _path(values[name]) for name in ("calibration", "evaluation", "baseline") if name in values}
        upload = Upload(
            file=_path(values["file"]),
            calibration=files.get("calibration"),
            evaluation=files.get("evaluation"),
            baseline=files.get("baseline"),
            metadata=values.get("metadata", {}),
            budget=values.get("budget", {}),
            targets=values.get("targets", ()),
            preset=values.get("preset"),
        )
        taken = versions.create(model, number=values["version"], upload=upload, actor=actor_of(request.user))
        found = describe_version(queries.get_shown_version(model, taken.version.number))
        shown = UploadAnswer.of(dataclasses.replace(found, ignored=taken.ignored))
        return Response(shown, status=status.HTTP_201_CREATED if taken.is_new else status.HTTP_200_OK)


class Version(Endpoint):
    """One version."""

    area = Area.MODELS

    @extend_schema(operation_id="get_version", responses=VersionAnswer)
    def get(self, request: Request, model: str, version: str) -> Response:  # noqa: ARG002 - DRF's signature
        """Show a version with every variant."""
        return _show(model, version)

    @extend_schema(
        operation_id="describe_version",
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
        request=CardBody,
        responses=VersionAnswer,
    )
    def patch(self, request: Request, model: str, version: str) -> Response:
        """Change parts of the version's card; ``If-Match`` has the ETag of the card that the caller saw."""
        body = CardBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.get_version(model, version)
        if_match = request.headers.get("If-Match")
        card.describe(found, changes=body.validated_data, if_match=if_match, actor=actor_of(request.user))
        return _show(model, version)

    @extend_schema(operation_id="delete_version", responses={204: None})
    def delete(self, request: Request, model: str, version: str) -> Response:
        """Delete a version that nothing uses."""
        versions.delete(queries.get_version(model, version), actor=actor_of(request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Retire(Endpoint):
    """The end of a version."""

    area = Area.MODELS

    @extend_schema(operation_id="retire_version", request=RetireBody, responses=VersionAnswer)
    def post(self, request: Request, model: str, version: str) -> Response:
        """Retire a READY version that nothing uses: no device is sent to it any more."""
        body = RetireBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.get_version(model, version)
        retirement.retire(found, reason=body.validated_data["reason"], actor=actor_of(request.user))
        return _show(model, version)


def _show(model: str, version: str) -> Response:
    found = queries.get_shown_version(model, version)
    return Response(render_version(found), headers={"ETag": card.etag(found)})


def render_version(version: ModelVersion) -> object:
    """Render a row of ``registry.versions.queries.with_variants``."""
    return VersionAnswer.of(describe_version(version))


def _path(file: TemporaryUploadedFile) -> Path:
    # The only upload handler writes files (settings.FILE_UPLOAD_HANDLERS).
    file.flush()
    return Path(file.temporary_file_path())
