"""Fetch what was uploaded, and the copy that the builders read."""

from typing import ClassVar

from django.http import HttpResponseRedirect
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from core.api.addresses import site_url
from core.api.endpoint import Endpoint
from core.errors import Missing
from core.roles import Area
from registry.models import ModelVersion
from registry.storage import blobs
from registry.versions import queries

REDIRECT = {302: OpenApiResponse(description="A signed address, good without further credentials.")}


class NotCleaned(Missing):
    """The upload has not passed the intake, so there is no cleaned copy."""

    code: ClassVar[str] = "no_cleaned_model"


class SourceFile(Endpoint):
    """The uploaded file."""

    area = Area.MODELS

    @extend_schema(operation_id="download_source", responses=REDIRECT)
    def get(self, request: Request, model: str, version: str) -> HttpResponseRedirect:
        """Redirect to the file as it was uploaded, byte for byte."""
        found = queries.get_version(model, version)
        return HttpResponseRedirect(
            blobs.link(found.source, filename=_name(found, suffix=""), site_url=site_url(request))
        )


class CleanedFile(Endpoint):
    """The file that the builders read."""

    area = Area.MODELS

    @extend_schema(operation_id="download_cleaned", responses=REDIRECT)
    def get(self, request: Request, model: str, version: str) -> HttpResponseRedirect:
        """Redirect to the copy without metadata, with named nodes and with an operator set that is new enough."""
        found = queries.get_version(model, version)
        if found.cleaned is None:
            raise NotCleaned(f"{found} has no cleaned copy: the upload has not passed the intake.")
        return HttpResponseRedirect(
            blobs.link(found.cleaned, filename=_name(found, suffix="-cleaned"), site_url=site_url(request))
        )


def _name(version: ModelVersion, *, suffix: str) -> str:
    return f"{version.model.slug}-{version.number}{suffix}.onnx"
