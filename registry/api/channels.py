"""Channels: what devices follow."""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.strictness import StrictBody
from core.api.views import PAGE_PARAMETERS
from core.errors import Invalid
from core.roles import Area
from registry import channels, preconditions
from registry.api.answers import ChannelAnswer
from registry.models import Channel as ChannelRow
from registry.versions import queries


class PointerBody(StrictBody):
    """The version that a channel shall point to, and its policy."""

    version = serializers.CharField(max_length=100)
    policy = serializers.DictField(required=False)


class Channels(Endpoint):
    """The channels of a model."""

    area = Area.FLEET

    @extend_schema(operation_id="list_channels", parameters=PAGE_PARAMETERS, responses=page_of(ChannelAnswer))
    def get(self, request: Request, model: str) -> Response:
        """List channels by name."""
        rows = ChannelRow.objects.select_related("model", "version").filter(model=queries.get_model(model))
        return Response(keyset_page(request, rows, key="name", render=_render))


class Channel(Endpoint):
    """One channel."""

    area = Area.FLEET

    @extend_schema(operation_id="get_channel", parameters=[OpenApiParameter("at", datetime)], responses=ChannelAnswer)
    def get(self, request: Request, model: str, channel: str) -> Response:
        """Show where the channel points; with ``at``, where it pointed at that time."""
        found = channels.get(model, channel)
        if "at" in request.query_params:
            return Response(ChannelAnswer.of(channels.at_time(found, _time(request.query_params["at"]))))
        return _answer(found)

    @extend_schema(
        operation_id="put_channel",
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
        request=PointerBody,
        responses=ChannelAnswer,
    )
    def put(self, request: Request, model: str, channel: str) -> Response:
        """Point the channel to a version; the first PUT creates it, later ones need ``If-Match``."""
        body = PointerBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = channels.put(
            queries.get_model(model),
            channel,
            version=queries.get_version(model, body.validated_data["version"]),
            policy=body.validated_data.get("policy"),
            if_match=request.headers.get("If-Match"),
            actor=actor_of(request.user),
        )
        return _answer(found)


def _render(channel: ChannelRow) -> object:
    return ChannelAnswer.of(channels.now(channel))


def _answer(channel: ChannelRow) -> Response:
    return Response(_render(channel), headers={"ETag": preconditions.etag(channel.revision)})


def _time(text: str) -> datetime:
    refusal = Invalid.field("at", "must be a time such as 2026-01-31T12:00:00Z.")
    try:
        # A plus sign that was not escaped arrives as a space (application/x-www-form-urlencoded).
        found = parse_datetime(text.replace(" ", "+") if "T" in text else text)
        if found is None or found.tzinfo is None:
            raise refusal
        # PostgreSQL knows no offset of 16 hours and more, Python does.
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refusal from error
