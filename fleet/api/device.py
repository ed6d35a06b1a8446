"""The device API: enroll, poll, report, heartbeat (docs: wire contract, *Device API*)."""

import uuid
from typing import Any

from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.addresses import site_url
from core.errors import Invalid
from core.times import rfc3339
from fleet import deployments
from fleet.api.device_access import DeviceView, device_of, read_body
from fleet.api.shapes import (
    REPORTABLE_STATES,
    AcceptedShape,
    EnrolledShape,
    HeartbeatAnswerShape,
    LatestShape,
    PendingShape,
)
from fleet.devices import enrollment, tokens
from fleet.devices import verbs as devices
from fleet.polls import answering
from fleet.states import DeploymentState
from registry.manifests.configured_keys import public_keys

_MAX_SEQ = 2**63 - 1


class EnrollSerializer(serializers.Serializer[Any]):
    """A device asks to be let in."""

    # As they are sent: a device must not become one of another name.
    device_id = serializers.CharField(max_length=128, trim_whitespace=False)
    enrollment_key = serializers.CharField(max_length=200, trim_whitespace=False)
    target = serializers.CharField(max_length=64, trim_whitespace=False)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=128), default=dict)
    capabilities = serializers.DictField(default=dict)


class ReportSerializer(serializers.Serializer[Any]):
    """What became of an attempt so far."""

    attempt_id = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=0, max_value=_MAX_SEQ)
    state = serializers.ChoiceField(choices=REPORTABLE_STATES)
    model = serializers.CharField(max_length=64, required=False)
    version = serializers.CharField(max_length=128, required=False)
    sha256 = serializers.CharField(max_length=64, required=False)
    detail = serializers.DictField(default=dict)
    active_providers = serializers.ListField(child=serializers.CharField(max_length=100), default=list, max_length=32)
    release_counter = serializers.IntegerField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Want the class of a failure: operators count by it."""
        if attrs["state"] in {"failed", "rolled_back"} and not isinstance(attrs["detail"].get("class"), str):
            raise serializers.ValidationError(
                {"detail": [f'must have the text "class" where the state is {attrs["state"]}.']}
            )
        return attrs


class RunningSerializer(serializers.Serializer[Any]):
    """A model that the device runs."""

    model = serializers.CharField(max_length=64)
    version = serializers.CharField(max_length=128)
    sha256 = serializers.CharField(max_length=64)


class HeartbeatSerializer(serializers.Serializer[Any]):
    """How the device is."""

    agent_version = serializers.CharField(max_length=40, allow_blank=True, default="")
    running = RunningSerializer(many=True, default=list)
    capabilities = serializers.DictField(required=False)
    resources = serializers.DictField(default=dict)
    clock = serializers.FloatField(required=False)


class Enroll(DeviceView):
    """The way in; open, for the key is the credential."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(operation_id="enroll", request=EnrollSerializer, responses={201: EnrolledShape, 202: PendingShape})
    def post(self, request: Request) -> Response:
        """Let a device in; 202 while a person has to accept it."""
        body = read_body(EnrollSerializer, request)
        asked = enrollment.Request(
            device_id=body["device_id"],
            secret=body["enrollment_key"],
            target=body["target"],
            labels=body["labels"],
            capabilities=body["capabilities"],
        )
        token = enrollment.enroll(asked)
        poll_after = answering.choose_poll_after(asked.device_id)
        if token is None:
            return Response({"device_id": asked.device_id, "state": "pending", "poll_after_s": poll_after}, status=202)
        keys = [key.pem for key in public_keys()]
        answer = {"device_id": asked.device_id, "token": token, "poll_after_s": poll_after, "signing_keys": keys}
        return Response(answer, status=201)


class Latest(DeviceView):
    """What the device should run now. Authenticates by its own one read (``fleet.polls.reading``)."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="get_latest",
        parameters=[OpenApiParameter("device_id", str, required=True), OpenApiParameter("model", str)],
        responses={200: LatestShape, 204: None, 304: None},
    )
    def get(self, request: Request) -> Response:
        """Answer the decision; 304 where the device has it, 204 with X-Reason where there is none."""
        credentials = tokens.read_credentials(request.headers.get("Authorization"))
        asked = answering.Asked(
            credentials=credentials,
            device_id=_parameter(request, "device_id"),
            model=_parameter(request, "model") if "model" in request.query_params else None,
            known_etags=_known_etags(request.headers.get("If-None-Match", "")),
            site_url=site_url(request),
        )
        answer = answering.answer(asked, now=timezone.now())
        headers = {"Cache-Control": "private, no-cache", "X-Poll-After": str(answer.poll_after_seconds)}
        if answer.etag is None:
            return Response(status=204, headers={**headers, "X-Reason": answer.reason})
        headers["ETag"] = f'"{answer.etag}"'
        if answer.body is None:
            return Response(status=304, headers=headers)
        return Response(answer.body, headers=headers)


class Reports(DeviceView):
    """What devices say about their attempts."""

    @extend_schema(operation_id="report", request=ReportSerializer, responses=AcceptedShape)
    def post(self, request: Request) -> Response:
        """Apply a report; one that is repeated or late changes nothing."""
        body = read_body(ReportSerializer, request)
        report = deployments.Report(
            attempt_id=uuid.UUID(str(body["attempt_id"])),
            seq=body["seq"],
            state=DeploymentState(body["state"]),
            detail=body["detail"],
            active_providers=body["active_providers"],
        )
        state = deployments.report(report, device_pk=device_of(request).pk, now=timezone.now())
        return Response({"state": state})


class Heartbeat(DeviceView):
    """How devices are."""

    @extend_schema(operation_id="heartbeat", request=HeartbeatSerializer, responses=HeartbeatAnswerShape)
    def post(self, request: Request) -> Response:
        """Keep what the device says of itself."""
        body = read_body(HeartbeatSerializer, request)
        heartbeat = devices.Heartbeat(
            agent_version=body["agent_version"],
            running=[dict(row) for row in body["running"]],
            resources=body["resources"],
            capabilities=body.get("capabilities"),
            clock=body.get("clock"),
        )
        now = timezone.now()
        device = device_of(request)
        devices.note_heartbeat(device.pk, heartbeat, now=now)
        return Response(
            {
                "now": rfc3339(now, timespec="milliseconds"),
                "poll_after_s": answering.choose_poll_after(device.device_id),
            }
        )


def _parameter(request: Request, name: str) -> str:
    value = str(request.query_params.get(name, ""))
    if not value or "\x00" in value:
        raise Invalid.field(name, "must be given in the address.")
    return value


def _known_etags(header: str) -> frozenset[str]:
    # If-None-Match compares weakly (RFC 9110, section 13.1.2).
    return frozenset(tag.removeprefix("W/").strip('"') for tag in parse_etags(header))
