"""Calibration samples that look wrong: a person vouches for them."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.strictness import StrictBody
from core.roles import Area
from registry.api.answers import VersionAnswer
from registry.api.versions import render_version
from registry.versions import acceptance, queries


class AcceptCalibrationBody(StrictBody):
    """Why the samples are right."""

    reason = serializers.CharField(max_length=1_000)


class AcceptCalibration(Endpoint):
    """A person's word for the calibration of a variant."""

    area = Area.MODELS

    @extend_schema(operation_id="accept_calibration", request=AcceptCalibrationBody, responses=VersionAnswer)
    def post(self, request: Request, model: str, version: str, variant: int) -> Response:
        """Make the variant READY. Devices are given it after an act only."""
        body = AcceptCalibrationBody(data=request.data)
        body.is_valid(raise_exception=True)
        reason, actor = body.validated_data["reason"], actor_of(request.user)
        acceptance.accept_calibration(queries.get_version(model, version), variant, reason=reason, actor=actor)
        return Response(render_version(queries.get_shown_version(model, version)))
