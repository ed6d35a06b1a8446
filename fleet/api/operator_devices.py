"""Devices and enrollment keys, for operators."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.authentication import actor_of
from core.api.paging import keyset_page, page_of
from core.api.views import PAGE_PARAMETERS
from core.errors import Invalid
from core.roles import Area
from fleet.api import rendering
from fleet.api.forms import DeviceForm, EnrollmentKeyForm, PinForm, UnpinForm
from fleet.api.shapes import DecisionShape, DeviceShape, EnrollmentKeyShape, NewEnrollmentKeyShape, NewTokenShape
from fleet.devices import enrollment_keys, pins, subscriptions
from fleet.devices import queries as device_queries
from fleet.devices import verbs as devices
from fleet.models import Device, DeviceState
from fleet.polls import reading, resolving
from registry.versions.queries import UnknownModel, get_model

_FILTERS = ("label", "target", "state", "search", "model")


class EnrollmentKeys(APIView):
    """The keys that let devices in."""

    area = Area.FLEET

    @extend_schema(
        operation_id="list_enrollment_keys", parameters=PAGE_PARAMETERS, responses=page_of(EnrollmentKeyShape)
    )
    def get(self, request: Request) -> Response:
        """List keys, newest first; never their secrets."""
        page = keyset_page(request, device_queries.list_enrollment_keys(), descending=True, render=rendering.render_key)
        return Response(page)

    @extend_schema(
        operation_id="create_enrollment_key", request=EnrollmentKeyForm, responses={201: NewEnrollmentKeyShape}
    )
    def post(self, request: Request) -> Response:
        """Create a key; the answer shows it this once."""
        form = EnrollmentKeyForm(data=request.data)
        form.is_valid(raise_exception=True)
        body = dict(form.validated_data)
        follows = subscriptions.read_follows(body.pop("subscriptions"))
        new = enrollment_keys.NewKey(**body, subscriptions=follows)
        key, secret = enrollment_keys.create(new, actor=actor_of(request.user))
        return Response({"key": secret, **rendering.render_key(key)}, status=201)


class EnrollmentKeyView(APIView):
    """One enrollment key."""

    area = Area.FLEET

    @extend_schema(operation_id="revoke_enrollment_key", responses={204: None})
    def delete(self, request: Request, key_id: int) -> Response:
        """Revoke the key; devices that it let in stay."""
        enrollment_keys.revoke(key_id, actor=actor_of(request.user))
        return Response(status=204)


class Devices(APIView):
    """The fleet."""

    area = Area.FLEET

    @extend_schema(
        operation_id="list_devices",
        parameters=[*PAGE_PARAMETERS, *(OpenApiParameter(name, str) for name in _FILTERS)],
        responses=page_of(DeviceShape),
    )
    def get(self, request: Request) -> Response:
        """List devices by id; ``label=key:value``, ``target``, ``state``, ``model`` and ``search`` narrow the list."""
        rows = device_queries.list_devices(**_read_filters(request))
        return Response(keyset_page(request, rows, key="device_id", render=rendering.render_device))


class DeviceView(APIView):
    """One device."""

    area = Area.FLEET

    @extend_schema(operation_id="get_device", responses=DeviceShape)
    def get(self, request: Request, device_id: str) -> Response:  # noqa: ARG002 - DRF's signature
        """Return the device."""
        return Response(_shown(device_id))

    @extend_schema(operation_id="change_device", request=DeviceForm, responses=DeviceShape)
    def patch(self, request: Request, device_id: str) -> Response:
        """Replace its labels, its subscriptions, or both."""
        form = DeviceForm(data=request.data)
        form.is_valid(raise_exception=True)
        body = form.validated_data
        follows = subscriptions.read_follows(body["subscriptions"]) if "subscriptions" in body else None
        devices.change(device_id, actor=actor_of(request.user), labels=body.get("labels"), follows=follows)
        return Response(_shown(device_id))

    @extend_schema(operation_id="delete_device", responses={204: None})
    def delete(self, request: Request, device_id: str) -> Response:
        """Remove the device with its history; its id may enroll again."""
        devices.delete(device_id, actor=actor_of(request.user))
        return Response(status=204)


class Accept(APIView):
    """Let in a device that waits."""

    area = Area.FLEET
    verb: Callable[..., Device] = staticmethod(devices.accept)

    @extend_schema(request=None, responses=DeviceShape)
    def post(self, request: Request, device_id: str) -> Response:
        """Apply the verb."""
        self.verb(device_id, actor=actor_of(request.user))
        return Response(_shown(device_id))


class Revoke(Accept):
    """Shut a device out, at once."""

    verb = staticmethod(devices.revoke)


class RotateToken(APIView):
    """A new token for a device."""

    area = Area.FLEET

    @extend_schema(operation_id="rotate_device_token", request=None, responses={201: NewTokenShape})
    def post(self, request: Request, device_id: str) -> Response:
        """Issue the token; the answer shows it this once. The old one ends when this one is first used."""
        secret = devices.rotate_token(device_id, actor=actor_of(request.user))
        return Response({"device_id": device_id, "token": secret}, status=201)


class PinView(APIView):
    """Hold a device at a version."""

    area = Area.FLEET

    @extend_schema(operation_id="pin_device", request=PinForm, responses=DeviceShape)
    def post(self, request: Request, device_id: str) -> Response:
        """Pin the device."""
        form = PinForm(data=request.data)
        form.is_valid(raise_exception=True)
        pins.pin(device_id, **form.validated_data, actor=actor_of(request.user))
        return Response(_shown(device_id))


class UnpinView(APIView):
    """Let a device follow its channel again."""

    area = Area.FLEET

    @extend_schema(operation_id="unpin_device", request=UnpinForm, responses=DeviceShape)
    def post(self, request: Request, device_id: str) -> Response:
        """Unpin the device."""
        form = UnpinForm(data=request.data)
        form.is_valid(raise_exception=True)
        pins.unpin(device_id, **form.validated_data, actor=actor_of(request.user))
        return Response(_shown(device_id))


class Resolve(APIView):
    """What a device should run, and why not something else."""

    area = Area.FLEET

    @extend_schema(operation_id="resolve", parameters=[OpenApiParameter("model", str)], responses=DecisionShape)
    def get(self, request: Request, device_id: str) -> Response:
        """Explain; ``model`` defaults to the device's primary subscription. Offers nothing to anybody."""
        model = request.query_params.get("model")
        known = reading.find_by_device(device_id, model=model)
        if known is None:
            raise devices.UnknownDevice(f"There is no device {device_id[:128]!r}.")
        if known.facts is None:
            if model:
                get_model(model)
            raise UnknownModel(f"The device {device_id} has no subscription{f' to {model[:64]}' if model else ''}.")
        decision = resolving.resolve(known.facts)
        return Response(rendering.render_decision(decision, device_id=device_id, model=known.facts.model))


def _shown(device_id: str) -> dict[str, Any]:
    found = device_queries.with_status(Device.objects.filter(pk=devices.get(device_id).pk)).get()
    return rendering.render_device(found)


def _read_filters(request: Request) -> dict[str, Any]:
    given: dict[str, Any] = {name: request.query_params[name] for name in _FILTERS if name in request.query_params}
    if "label" in given:
        key, separator, value = given["label"].partition(":")
        if not separator:
            raise Invalid.field("label", "must be key:value.")
        given["label"] = (key, value)
    if "state" in given and given["state"] not in DeviceState.values:
        raise Invalid.field("state", f"must be one of {', '.join(DeviceState.values)}.")
    return given
