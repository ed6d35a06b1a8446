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
from core.errors import Invalid, Missing
from core.roles import Area
from registry import names
from registry.api.answers import VersionAnswer
from registry.api.targets_in_addresses import check_target
from registry.api.versions import render_version
from registry.models import Blob, Variant
from registry.storage import blobs
from registry.versions import queries, uploads, variants


class NoManifest(Missing):
    """The variant has no manifest of that schema."""

    code = "no_manifest"


class TargetsBody(StrictBody):
    """Which targets to build for."""

    # May be left out with "all": then it means all targets of the version.
    targets = serializers.ListField(
        child=serializers.CharField(max_length=64), allow_empty=False, max_length=100, required=False
    )
    recipes = serializers.ChoiceField(choices=["chain", "all"], default="chain")
    # Goes with "chain" only; by default the version's own.
    preset = serializers.CharField(max_length=64, required=False)


class Variants(Endpoint):
    """The variants of a version."""

    area = Area.MODELS

    @extend_schema(operation_id="add_targets", request=TargetsBody, responses={202: VersionAnswer})
    def post(self, request: Request, model: str, version: str) -> Response:
        """Build for more targets; those asked for already change nothing. With "all", build every recipe side by side."""
        body = TargetsBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.get_version(model, version)
        targets, actor = body.validated_data.get("targets", ()), actor_of(request.user)
        if body.validated_data["recipes"] == "all":
            variants.build_all_recipes(found, targets, actor=actor)
        else:
            preset = body.validated_data.get("preset")
            uploads.check_preset(preset)
            variants.add_targets(found, targets, actor=actor, preset=preset)
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
        blob, filename = self.choose(variant, request)
        return HttpResponseRedirect(blobs.link(blob, filename=filename, site_url=site_url(request)))

    def choose(self, variant: Variant, request: Request) -> tuple[Blob, str]:  # noqa: ARG002 - for subclasses
        """Return the blob and the name under which it is saved."""
        if variant.file is None:  # a constraint of the table forbids this
            raise variants.NoReadyVariant(f"{variant} has no file.")
        return variant.file, variant.filename


class VariantDocument(VariantFile):
    """The manifest or the signature of the same variant, of the highest schema unless the caller names one."""

    @extend_schema(
        parameters=[OpenApiParameter("recipe", str), OpenApiParameter("schema", int, enum=[1, 2])],
        responses={302: OpenApiResponse(description="A signed address, good without further credentials.")},
    )
    def get(self, request: Request, model: str, version: str, target: str) -> HttpResponseRedirect:
        """Redirect to the document; a manifest and a signature belong together if they are of the same schema."""
        return super().get(request, model, version, target)

    def choose(self, variant: Variant, request: Request) -> tuple[Blob, str]:
        """Return the document's blob and name.

        Raises:
            Invalid: The schema is none.
            NoManifest: The variant has no manifest of the schema.
        """
        named = request.query_params.get("schema")
        if named not in {None, "1", "2"}:
            raise Invalid.field("schema", "must be 1 or 2.")
        found = {
            "2": {"manifest": variant.manifest_schema_2, "signature": variant.signature_schema_2},
            "1": {"manifest": variant.manifest, "signature": variant.signature},
        }
        blob = next(
            (found[schema][self.part] for schema in found if named in {None, schema} and found[schema][self.part]), None
        )
        if blob is None:
            raise NoManifest(f"{variant} has no {self.part} of schema {named}.")
        return blob, {"manifest": names.MANIFEST_NAME, "signature": names.SIGNATURE_NAME}[self.part]
