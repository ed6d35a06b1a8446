"""Registered models."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.strictness import StrictBody
from core.api.views import PAGE_PARAMETERS
from core.roles import Area
from registry.api.answers import SEARCH_PARAMETERS, ModelAnswer
from registry.versions import queries, registered_models, search
from registry.versions.search import Wanted


class NewModelBody(StrictBody):
    """A new model."""

    model = serializers.CharField(max_length=64)
    description = serializers.CharField(max_length=10_000, allow_blank=True, required=False, default="")


class ModelBody(StrictBody):
    """The part of a model that can be changed."""

    description = serializers.CharField(max_length=10_000, allow_blank=True)


class Models(Endpoint):
    """All models."""

    area = Area.MODELS

    @extend_schema(
        operation_id="list_models",
        parameters=[*PAGE_PARAMETERS, *SEARCH_PARAMETERS],
        responses=page_of(ModelAnswer),
    )
    def get(self, request: Request) -> Response:
        """List models by slug: those whose slug or description has ``q``, with versions of that tag, state and target."""
        found = search.find_models(Wanted.read(request.query_params))
        return Response(keyset_page(request, found, key="slug", render=ModelAnswer.of))

    @extend_schema(operation_id="create_model", request=NewModelBody, responses={201: ModelAnswer})
    def post(self, request: Request) -> Response:
        """Register a model. An upload of a version does it too."""
        body = NewModelBody(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        registered_models.create(values["model"], description=values["description"], actor=actor_of(request.user))
        return Response(ModelAnswer.of(queries.get_counted_model(values["model"])), status=status.HTTP_201_CREATED)


class Model(Endpoint):
    """One model."""

    area = Area.MODELS

    @extend_schema(operation_id="get_model", responses=ModelAnswer)
    def get(self, request: Request, model: str) -> Response:  # noqa: ARG002 - DRF's signature
        """Show a model."""
        return Response(ModelAnswer.of(queries.get_counted_model(model)))

    @extend_schema(operation_id="describe_model", request=ModelBody, responses=ModelAnswer)
    def patch(self, request: Request, model: str) -> Response:
        """Change the description."""
        body = ModelBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.get_model(model)
        registered_models.describe(found, description=body.validated_data["description"], actor=actor_of(request.user))
        return Response(ModelAnswer.of(queries.get_counted_model(model)))

    @extend_schema(operation_id="delete_model", responses={204: None})
    def delete(self, request: Request, model: str) -> Response:
        """Delete a model that nothing uses."""
        registered_models.delete(queries.get_model(model), actor=actor_of(request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)
