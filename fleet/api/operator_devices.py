"""Devices and enrollment keys, for operators."""

from collections.abc import Callable

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.views import PAGE_PARAMETERS
from core.errors import Invalid
from core.roles import Area
from fleet.api import bodies
from fleet.api.answers.devices import (
    DecisionAnswer,
    DecisionForDevice,
    DeviceAnswer,
    EnrollmentKeyAnswer,
    NewEnrollmentKeyAnswer,
    NewToken,
    NewTokenAnswer,
)
from fleet.api.bodies import DeviceBody, EnrollmentKeyBody, PinBody, UnpinBody
from fleet.devices import enrollment_keys, pins
from fleet.devices import queries as device_queries
from fleet.devices import verbs as devices
from fleet.models import Device
from fleet.polls import reading, resolving
from fleet.states import DeviceState
from registry.versions.queries import UnknownModel, get_model

_FILTERS = ("label", "target", "state", "search", "model")


class EnrollmentKeys(Endpoint):
    """The keys that let devices in."""

    area = Area.FLEET

    @extend_schema(
        operation_id="list_enrollment_keys", parameters=PAGE_PARAMETERS, responses=page_of(EnrollmentKeyAnswer)
    )
    def get(self, request: Request) -> Response:
        """List keys, newest first; never their secrets."""
        page = keyset_page(
            request, device_queries.list_enrollment_keys(), descending=True, render=EnrollmentKeyAnswer.of
        )
        return Response(page)

    @extend_schema(
        operation_id="create_enrollment_key", request=EnrollmentKeyBody, responses={201: NewEnrollmentKeyAnswer}
    )
    def post(self, request: Request) -> Response:
        """Create a key; the answer shows it this once."""
        new = bodies.read(EnrollmentKeyBody, request).new_key()
        key, secret = enrollment_keys.create(new, actor=actor_of(request.user))
        return Response(NewEnrollmentKeyAnswer.with_secret(key, secret=secret), status=201)


class EnrollmentKeyView(Endpoint):
    """One enrollment key."""

    area = Area.FLEET

    @extend_schema(operation_id="revoke_enrollment_key", responses={204: None})
    def delete(self, request: Request, key_id: int) -> Response:
        """Revoke the key; devices that it let in stay."""
        enrollment_keys.revoke(key_id, actor=actor_of(request.user))
        return Response(status=204)


class Devices(Endpoint):
    """The fleet."""

    area = Area.FLEET

    @extend_schema(
        operation_id="list_devices",
        parameters=[*PAGE_PARAMETERS, *(OpenApiParameter(name, str) for name in _FILTERS)],
        responses=page_of(DeviceAnswer),
    )
    def get(self, request: Request) -> Response:
        """List devices by id; ``label=key:value``, ``target``, ``state``, ``model`` and ``search`` narrow the list."""
        return Response(keyset_page(request, _list_devices(request), key="device_id", render=DeviceAnswer.of))


class DeviceView(Endpoint):
    """One device."""

    area = Area.FLEET

    @extend_schema(operation_id="get_device", responses=DeviceAnswer)
    def get(self, request: Request, device_id: str) -> Response:  # noqa: ARG002 - DRF's signature
        """Return the device."""
        return Response(DeviceAnswer.of(_read(device_id)))

    @extend_schema(operation_id="change_device", request=DeviceBody, responses=DeviceAnswer)
    def patch(self, request: Request, device_id: str) -> Response:
        """Replace its labels, its subscriptions, or both."""
        body = bodies.read(DeviceBody, request)
        labels = body.validated_data.get("labels")
        devices.change(device_id, actor=actor_of(request.user), labels=labels, follows=body.follows())
        return Response(DeviceAnswer.of(_read(device_id)))

    @extend_schema(operation_id="delete_device", responses={204: None})
    def delete(self, request: Request, device_id: str) -> Response:
        """Remove the device with its history; its id may enroll again."""
        devices.delete(device_id, actor=actor_of(request.user))
        return Response(status=204)


class Accept(Endpoint):
    """Accept a device that waits."""

    area = Area.FLEET
    verb: Callable[..., Device] = staticmethod(devices.accept)

    @extend_schema(request=None, responses=DeviceAnswer)
    def post(self, request: Request, device_id: str) -> Response:
        """Apply the verb."""
        self.verb(device_id, actor=actor_of(request.user))
        return Response(DeviceAnswer.of(_read(device_id)))


class Revoke(Accept):
    """Revoke a device at once."""

    verb = staticmethod(devices.revoke)


class RotateToken(Endpoint):
    """A new token for a device."""

    area = Area.FLEET

    @extend_schema(operation_id="rotate_device_token", request=None, responses={201: NewTokenAnswer})
    def post(self, request: Request, device_id: str) -> Response:
        """Issue the token; the answer shows it this once. The old one ends when this one is first used."""
        secret = devices.rotate_token(device_id, actor=actor_of(request.user))
        return Response(NewTokenAnswer.of(NewToken(device_id, secret)), status=201)


class PinView(Endpoint):
    """Hold a device at a version."""

    area = Area.FLEET

    @extend_schema(operation_id="pin_device", request=PinBody, responses=DeviceAnswer)
    def post(self, request: Request, device_id: str) -> Response:
        """Pin the device."""
        body = bodies.read(PinBody, request)
        pins.pin(device_id, **body.validated_data, actor=actor_of(request.user))
        return Response(DeviceAnswer.of(_read(device_id)))


class UnpinView(Endpoint):
    """Let a device follow its channel again."""

    area = Area.FLEET

    @extend_schema(operation_id="unpin_device", request=UnpinBody, responses=DeviceAnswer)
    def post(self, request: Request, device_id: str) -> Response:
        """Unpin the device."""
        body = bodies.read(UnpinBody, request)
        pins.unpin(device_id, **body.validated_data, actor=actor_of(request.user))
        return Response(DeviceAnswer.of(_read(device_id)))


class Resolve(Endpoint):
    """The version that a device should run, and why no other."""

    area = Area.FLEET

    @extend_schema(operation_id="resolve", parameters=[OpenApiParameter("model", str)], responses=DecisionAnswer)
    def get(self, request: Request, device_id: str) -> Response:
        """Explain; ``model`` defaults to the device's primary subscription. Offers nothing to the device."""
        model = request.query_params.get("model")
        known = reading.find_by_device(device_id, model=model)
        if known is None:
            raise devices.UnknownDevice(f"There is no device {device_id[:128]!r}.")
        if known.facts is None:
            if model:
                get_model(model)
            raise UnknownModel(f"The device {device_id} has no subscription{f' to {model[:64]}' if model else ''}.")
        decision = resolving.resolve(known.facts)
        return Response(DecisionAnswer.of(DecisionForDevice(device_id, known.facts.model, decision)))


def _read(device_id: str) -> Device:
    return device_queries.with_status(Device.objects.filter(pk=devices.get(device_id).pk)).get()


def _list_devices(request: Request) -> QuerySet[Device]:
    given = request.query_params
    return device_queries.list_devices(
        label=_read_label(given.get("label")),
        target=given.get("target"),
        state=_read_state(given.get("state")),
        search=given.get("search"),
        model=given.get("model"),
    )


def _read_label(given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    key, separator, value = given.partition(":")
    if not separator:
        raise Invalid.field("label", "must be key:value.")
    return key, value


def _read_state(given: str | None) -> DeviceState | None:
    if given is None:
        return None
    if given not in list(DeviceState):
        raise Invalid.field("state", f"must be one of {', '.join(DeviceState)}.")
    return DeviceState(given)
