"""The device API: enroll, poll, report, heartbeat (docs: wire contract, *Device API*)."""

from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.addresses import site_url
from core.errors import Invalid
from core.guessing import wrong_secrets
from core.guessing.wrong_secrets import Secret
from fleet import deployments
from fleet.api import bodies
from fleet.api.answers.device_api import (
    Accepted,
    AcceptedAnswer,
    Enrolled,
    EnrolledAnswer,
    HeartbeatAnswer,
    HeartbeatReceived,
    LatestAnswer,
    Pending,
    PendingAnswer,
)
from fleet.api.device_bodies import EnrollBody, HeartbeatBody, ReportBody
from fleet.api.device_view import DeviceView, counting_wrong_tokens, device_of
from fleet.devices import enrollment, tokens
from fleet.devices import verbs as devices
from fleet.devices.enrollment import UnknownKey
from fleet.polls import answering
from registry.manifests.configured_keys import public_keys


class Enroll(DeviceView):
    """Enrollment. It is open, because the enrollment key is the credential."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(operation_id="enroll", request=EnrollBody, responses={201: EnrolledAnswer, 202: PendingAnswer})
    def post(self, request: Request) -> Response:
        """Enroll a device; 202 while a person has to accept it."""
        address = request.META.get("REMOTE_ADDR", "")
        wrong_secrets.check(Secret.ENROLLMENT_KEY, address=address)
        asked = bodies.read(EnrollBody, request).request()
        try:
            token = enrollment.enroll(asked)
        except UnknownKey:
            wrong_secrets.note(Secret.ENROLLMENT_KEY, asked.secret, address=address)
            raise
        poll_after = answering.choose_poll_after(asked.device_id)
        if token is None:
            return Response(PendingAnswer.of(Pending(asked.device_id, poll_after)), status=202)
        keys = [key.pem for key in public_keys()]
        return Response(EnrolledAnswer.of(Enrolled(asked.device_id, token, poll_after, keys)), status=201)


class Latest(DeviceView):
    """The version that the device should run now. The poll's one read authenticates too (``fleet.polls.reading``)."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="get_latest",
        parameters=[OpenApiParameter("device_id", str, required=True), OpenApiParameter("model", str)],
        responses={200: LatestAnswer, 204: None, 304: None},
    )
    def get(self, request: Request) -> Response:
        """Answer the decision: 304 if the device has it already, 204 with X-Reason if nothing is assigned."""
        with counting_wrong_tokens(request):
            answer = answering.answer(_asked(request), now=timezone.now())
        headers = {"Cache-Control": "private, no-cache", "X-Poll-After": str(answer.poll_after_seconds)}
        if answer.etag is None:
            return Response(status=204, headers={**headers, "X-Reason": answer.reason})
        headers["ETag"] = f'"{answer.etag}"'
        if answer.latest is None:
            return Response(status=304, headers=headers)
        return Response(LatestAnswer.of(answer.latest), headers=headers)


class Reports(DeviceView):
    """Reports of devices about their attempts."""

    @extend_schema(operation_id="report", request=ReportBody, responses=AcceptedAnswer)
    def post(self, request: Request) -> Response:
        """Apply a report. A repeated or late report changes nothing."""
        report = bodies.read(ReportBody, request).report()
        state = deployments.report(report, device_pk=device_of(request).pk, now=timezone.now())
        return Response(AcceptedAnswer.of(Accepted(state)))


class Heartbeat(DeviceView):
    """Heartbeats of devices."""

    @extend_schema(operation_id="heartbeat", request=HeartbeatBody, responses=HeartbeatAnswer)
    def post(self, request: Request) -> Response:
        """Keep the state that the device reports."""
        heartbeat = bodies.read(HeartbeatBody, request).heartbeat()
        device, now = device_of(request), timezone.now()
        devices.note_heartbeat(device.pk, heartbeat, now=now)
        received = HeartbeatReceived(now, answering.choose_poll_after(device.device_id))
        return Response(HeartbeatAnswer.of(received))


def _asked(request: Request) -> answering.Asked:
    return answering.Asked(
        credentials=tokens.read_credentials(request.headers.get("Authorization")),
        device_id=_parameter(request, "device_id"),
        model=_parameter(request, "model") if "model" in request.query_params else None,
        known_etags=_known_etags(request.headers.get("If-None-Match", "")),
        site_url=site_url(request),
    )


def _parameter(request: Request, name: str) -> str:
    value = str(request.query_params.get(name, ""))
    if not value or "\x00" in value:
        raise Invalid.field(name, "must be given in the address.")
    return value


def _known_etags(header: str) -> frozenset[str]:
    # If-None-Match compares weakly (RFC 9110, section 13.1.2).
    return frozenset(tag.removeprefix("W/").strip('"') for tag in parse_etags(header))
