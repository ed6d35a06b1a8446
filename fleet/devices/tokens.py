"""Tokens of devices: ``Authorization: Bearer <token>``, or HTTP Basic with the device id as user and the token as password.

A token is looked up by its SHA-256, so that unknown, revoked and foreign tokens cost the same and leak nothing by time.

Telemetry is frequent, so ``authenticate_device`` lets a process keep the result for ``CACHE_SECONDS`` (ADR 0021): a revocation
holds at once in its own process, and within that time in the others. Heartbeats and reports are rare, and ask the database each
time (``authenticate_device_now``), as ``/api/models/latest`` does (``fleet.polls.reading``).
"""

import base64
import binascii
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from core.errors import Forbidden, Unauthenticated
from core.tokens import digest_of, new_secret
from fleet.models import Device, DeviceToken, Subscription
from fleet.states import DeviceState

PREFIX: Final = "mfd_"
CACHE_SECONDS: Final = 2.0
_MAX_CACHED: Final = 50_000


class NoDeviceToken(Unauthenticated):
    """The request has no device token."""

    code = "no_device_token"


class UnknownDeviceToken(Unauthenticated):
    """The token is unknown or revoked, or is not that of the device named beside it."""

    code = "unknown_device_token"


class OtherDevice(Forbidden):
    """A device asked about another device."""

    code = "other_device"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request: the token's digest, and the device id if the scheme names one."""

    digest: str
    device_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """A device that has proved itself. ``model_slug`` is the model of its only subscription, else of its primary one."""

    pk: int
    device_id: str
    target: str
    labels: Mapping[str, str]
    model_slug: str | None
    token_id: int
    is_authenticated: bool = True
    is_active: bool = True


_cached: dict[str, tuple[float, DeviceIdentity]] = {}
_lock = threading.Lock()


def authenticate_device(authorization: str | None) -> DeviceIdentity:
    """Return the device that an ``Authorization`` header proves, or proved up to ``CACHE_SECONDS`` ago.

    Raises:
        NoDeviceToken: There is no header, or none of the two schemes.
        UnknownDeviceToken: The token is unknown or revoked, or belongs to another device than the one named.
    """
    credentials = read_credentials(authorization)
    known = _cached.get(credentials.digest)
    identity = known[1] if known is not None and known[0] > time.monotonic() else _look_up(credentials.digest)
    check_named(credentials, device_id=identity.device_id)
    return identity


def authenticate_device_now(authorization: str | None) -> DeviceIdentity:
    """Return the device that an ``Authorization`` header proves, by the rows of this moment.

    Raises:
        NoDeviceToken: As ``authenticate_device``.
        UnknownDeviceToken: As ``authenticate_device``.
    """
    credentials = read_credentials(authorization)
    # A refusal is the first that this process learns of a revocation elsewhere.
    with _lock:
        _cached.pop(credentials.digest, None)
    identity = _look_up(credentials.digest)
    check_named(credentials, device_id=identity.device_id)
    return identity


def read_credentials(authorization: str | None) -> Credentials:
    """Read the header; nothing is looked up.

    Raises:
        NoDeviceToken: There is no header, or none of the two schemes.
        UnknownDeviceToken: Basic credentials that cannot be read (RFC 7617).
    """
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return Credentials(digest=_digest(given.strip()), device_id=None)
    if scheme.lower() != "basic":
        raise NoDeviceToken("Send the device's token, as Bearer or as the password of HTTP Basic.")
    try:
        device_id, _, token = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise UnknownDeviceToken("The Basic credentials cannot be read.") from error
    return Credentials(digest=_digest(token), device_id=device_id)


def check_named(credentials: Credentials, *, device_id: str) -> None:
    """Refuse if HTTP Basic names another device than the token's.

    Raises:
        UnknownDeviceToken: It names another device.
    """
    if credentials.device_id is not None and credentials.device_id != device_id:
        raise refusal()


def check_own(device_id: str, *, asked: str) -> None:
    """Refuse a device that asks about another device.

    Raises:
        OtherDevice: It asked about another device.
    """
    if device_id != asked:
        raise OtherDevice("The token is another device's.")


def refusal() -> UnknownDeviceToken:
    """Make the one refusal for unknown, revoked and foreign tokens."""
    return UnknownDeviceToken("The device token is unknown or revoked.")


def issue_token(device: Device) -> str:
    """Create a token of a device and return it; it cannot be shown again."""
    secret = new_secret(PREFIX)
    DeviceToken.objects.create(device=device, digest=digest_of(secret))
    return secret


def revoke_tokens(device: Device, *, only_unused: bool = False) -> None:
    """Revoke the device's live tokens, and forget what this process knows of them."""
    live = DeviceToken.objects.filter(device=device, revoked_at=None)
    if only_unused:
        live = live.filter(first_used_at=None)
    live.update(revoked_at=timezone.now())
    forget(device.pk)


def forget(device_pk: int) -> None:
    """Forget what this process knows of a device, now and once more when the transaction has committed."""

    def drop() -> None:
        with _lock:
            for digest in [digest for digest, (_, identity) in _cached.items() if identity.pk == device_pk]:
                del _cached[digest]

    drop()
    transaction.on_commit(drop)


@transaction.atomic
def note_first_use(token_id: int) -> None:
    """Note the first use of a token, and revoke the tokens before it: their rotation is over."""
    now = timezone.now()
    if not DeviceToken.objects.filter(pk=token_id, first_used_at=None).update(first_used_at=now):
        return
    token = DeviceToken.objects.select_related("device").get(pk=token_id)
    DeviceToken.objects.filter(device=token.device, pk__lt=token_id, revoked_at=None).update(revoked_at=now)
    forget(token.device_id)


def _digest(token: str) -> str:
    try:
        return digest_of(token)
    except UnicodeEncodeError as error:
        raise refusal() from error


def _look_up(digest: str) -> DeviceIdentity:
    primary = (
        Subscription.objects.filter(device=OuterRef("device_id")).order_by("position", "id").values("model_slug")[:1]
    )
    token = (
        DeviceToken.objects.filter(digest=digest, revoked_at=None, device__state=DeviceState.ACTIVE)
        .select_related("device")
        .annotate(primary_model=Subquery(primary))
        .first()
    )
    if token is None:
        raise refusal()
    if token.first_used_at is None:
        note_first_use(token.pk)
    device = token.device
    identity = DeviceIdentity(
        pk=device.pk,
        device_id=device.device_id,
        target=device.target,
        labels=device.labels,
        model_slug=token.primary_model,
        token_id=token.pk,
    )
    _remember(digest, identity)
    return identity


def _remember(digest: str, identity: DeviceIdentity) -> None:
    with _lock:
        if len(_cached) >= _MAX_CACHED:
            _cached.clear()
        _cached[digest] = (time.monotonic() + CACHE_SECONDS, identity)
