"""Who may call the device API, and how JSON of devices is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from core.api.endpoint import Endpoint
from core.api.parsing import BoundedJSONParser
from core.guessing import wrong_secrets
from core.guessing.wrong_secrets import Secret
from fleet.devices.tokens import DeviceIdentity, UnknownDeviceToken, authenticate_device_now, read_credentials


@contextmanager
def counting_wrong_tokens(request: Request) -> Iterator[None]:
    """Count a wrong device token that is refused inside. A right one passes from every address, and costs nothing more.

    Raises:
        Throttled: The token is wrong, and too many different wrong ones came from the address.
    """
    try:
        yield
    except UnknownDeviceToken:
        token = _digest_of_token(request.headers.get("Authorization", ""))
        wrong_secrets.note(Secret.DEVICE_TOKEN, token, address=request.META.get("REMOTE_ADDR", ""))
        raise


def _digest_of_token(authorization: str) -> str:
    """Return the digest of the token, which is one under every scheme and device id; the whole header if it cannot be read."""
    try:
        return read_credentials(authorization).digest
    except UnknownDeviceToken:
        return authorization


class DeviceAuthentication(BaseAuthentication):
    """A device by its token; ``request.user`` is a ``DeviceIdentity``."""

    def authenticate(self, request: Request) -> tuple[DeviceIdentity, None]:
        """Return the device.

        Raises:
            Unauthenticated: The request bears no live device token.
            Throttled: It bears a wrong one, and too many came from its address before.
        """
        with counting_wrong_tokens(request):
            return authenticate_device_now(request.headers.get("Authorization")), None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """Name the scheme in WWW-Authenticate."""
        return "Bearer"


class DeviceAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped registry of classes
    """How the schema describes device tokens."""

    target_class = DeviceAuthentication
    name = "deviceToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """Return the definition."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A device token; HTTP Basic with the device id works too.",
        }


class IsDevice(BasePermission):
    """Only devices."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - DRF's signature
        """Whether the caller is a device."""
        return isinstance(request.user, DeviceIdentity)


class DeviceJSONParser(BoundedJSONParser):
    """The body of a device: one JSON object."""

    max_bytes = 256 * 1024

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        """Read the body.

        Raises:
            BodyTooLarge: It is larger than 256 KiB.
            ParseError: It is no JSON object, or nested too deep.
        """
        body = super().parse(stream, media_type, parser_context)
        if not isinstance(body, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        return body


class DeviceView(Endpoint):
    """A view of the device API."""

    authentication_classes = [DeviceAuthentication]
    permission_classes = [IsDevice]
    parser_classes = [DeviceJSONParser]


def device_of(request: Request) -> DeviceIdentity:
    """Return the device that ``IsDevice`` let pass."""
    device: object = request.user
    if not isinstance(device, DeviceIdentity):
        raise exceptions.NotAuthenticated
    return device
