"""Variants: build for more targets, try a target again, fetch the files of a READY variant."""

from django.http import HttpResponseRedirect
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.addresses import site_url
from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.strictness import StrictBody
from core.roles import Area
from registry import names
from registry.api.answers import VersionAnswer
from registry.api.targets_in_addresses import check_target
from registry.api.versions import render_version
from registry.models import Blob, Variant
from registry.storage import blobs
from registry.versions import queries, variants


class TargetsBody(StrictBody):
    """Which targets to build for."""

    targets = serializers.ListField(child=serializers.CharField(max_length=64), allow_empty=False, max_length=100)


class Variants(Endpoint):
    """The variants of a version."""

    area = Area.MODELS

    @extend_schema(operation_id="add_targets", request=TargetsBody, responses={202: VersionAnswer})
    def post(self, request: Request, model: str, version: str) -> Response:
        """Build for more targets; those asked for already change nothing."""
        body = TargetsBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.get_version(model, version)
        variants.add_targets(found, body.validated_data["targets"], actor=actor_of(request.user))
        return Response(render_version(queries.get_shown_version(model, version)), status=status.HTTP_202_ACCEPTED)


class Rebuild(Endpoint):
    """Another try at one target."""

    area = Area.MODELS

    @extend_schema(operation_id="rebuild_variant", request=None, responses={202: VersionAnswer})
    def post(self, request: Request, model: str, version: str, target: str) -> Response:
        """Redo what failed, was rejected or was passed over; READY variants never change."""
        check_target(target)
        variants.rebuild(queries.get_version(model, version), target, actor=actor_of(request.user))
        return Response(render_version(queries.get_shown_version(model, version)), status=status.HTTP_202_ACCEPTED)


class VariantFile(Endpoint):
    """One of the three files of the READY variant that a device of the target would be offered."""

    area = Area.MODELS
    part = "download"

    @extend_schema(
        parameters=[OpenApiParameter("recipe", str)],
        responses={302: OpenApiResponse(description="A signed address, good without further credentials.")},
    )
    def get(self, request: Request, model: str, version: str, target: str) -> HttpResponseRedirect:
        """Redirect to the file."""
        check_target(target)
        recipe = request.query_params.get("recipe")
        variant = variants.get_ready(queries.get_version(model, version), target, recipe=recipe)
        blob, filename = _choose(variant, part=self.part)
        return HttpResponseRedirect(blobs.link(blob, filename=filename, site_url=site_url(request)))


def _choose(variant: Variant, *, part: str) -> tuple[Blob, str]:
    choices = {
        "download": (variant.file, variant.filename),
        "manifest": (variant.manifest, names.MANIFEST_NAME),
        "signature": (variant.signature, names.SIGNATURE_NAME),
    }
    blob, filename = choices[part]
    if blob is None:  # a constraint of the table forbids this
        raise variants.NoReadyVariant(f"{variant} has no {part}.")
    return blob, filename
