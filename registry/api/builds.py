"""Builds: cancel, try again, read the log."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.roles import Area
from registry.api.answers import BuildLogAnswer, VersionAnswer
from registry.api.versions import render_version
from registry.versions import builds, queries


class Cancel(Endpoint):
    """The end of a build before its time."""

    area = Area.MODELS

    @extend_schema(operation_id="cancel_build", request=None, responses={202: VersionAnswer})
    def post(self, request: Request, model: str, version: str, build: int) -> Response:
        """Stop a build: at once where it waits, within seconds where a worker does it."""
        builds.cancel(queries.get_version(model, version), build, actor=actor_of(request.user))
        return _accepted(model, version)


class Retry(Endpoint):
    """Another try at a build."""

    area = Area.MODELS

    @extend_schema(operation_id="retry_build", request=None, responses={202: VersionAnswer})
    def post(self, request: Request, model: str, version: str, build: int) -> Response:
        """Start a stopped or failed build again, and one that waits for another try at once."""
        builds.retry(queries.get_version(model, version), build, actor=actor_of(request.user))
        return _accepted(model, version)


class Log(Endpoint):
    """The log of a build."""

    area = Area.MODELS

    @extend_schema(operation_id="get_build_log", responses=BuildLogAnswer)
    def get(self, request: Request, model: str, version: str, build: int) -> Response:  # noqa: ARG002 - DRF's signature
        """Show what happened to a build, the oldest line first."""
        job = builds.get(queries.get_version(model, version), build)
        return Response(BuildLogAnswer.of(job))


def _accepted(model: str, version: str) -> Response:
    return Response(render_version(queries.get_shown_version(model, version)), status=status.HTTP_202_ACCEPTED)
