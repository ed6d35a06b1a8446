"""Enrollment of devices.

1. The key must be known and not revoked. The code of the error says why a key is refused; the sentence does not.
2. A device that the same key let in gets a new token until its token is first used. This costs no use, and an expired key
   still allows it. A device that enrolled with a nonce has to repeat it: many devices may hold one key, and each could ask
   for the token of another otherwise.
3. A new device costs one use, taken by a conditional UPDATE: of two devices that want the last use, one gets it.
4. An ``accept`` key lets devices in at once. With a ``review`` key a person decides, and the device asks until then.
5. The labels of the key go before those of the device, because rollouts select devices by their labels.
"""

import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Conflict, Forbidden, Invalid
from core.tokens import digest_of
from fleet.devices import subscriptions, tokens
from fleet.devices.labels import Document, check_labels, clean_document
from fleet.models import Device, DeviceToken, EnrollmentKey
from fleet.states import DeviceState
from registry.compression.targets import get_target

logger = logging.getLogger(__name__)

_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
RESERVED_DEVICE_IDS: Final = frozenset({"enroll", "self"})


class InvalidDeviceId(Invalid):
    """A device id breaks the rule, or is a path of the device API."""

    code = "invalid_device_id"


class EnrollmentRefused(Forbidden):
    """The enrollment key does not let this device in."""

    code = "enrollment_refused"
    sentence: ClassVar[str] = "The enrollment key does not let this device in."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class UnknownKey(EnrollmentRefused):
    """No key has that secret, or the key was revoked."""

    code = "enrollment_key_unknown"


class ExpiredKey(EnrollmentRefused):
    """The key has expired."""

    code = "enrollment_key_expired"


class UsedUpKey(EnrollmentRefused):
    """The key has let in as many devices as it may."""

    code = "enrollment_key_used_up"


class WrongTarget(EnrollmentRefused):
    """The key is for another hardware target."""

    code = "enrollment_key_for_another_target"


class DeviceIsRevoked(EnrollmentRefused):
    """The device was revoked. Its id can enroll again once the device is deleted."""

    code = "device_revoked"


class AlreadyEnrolled(Conflict):
    """Another enrollment has taken the device id, or the repeat of an enrollment lacks its nonce."""

    code = "already_enrolled"

    def __init__(self, device_id: str) -> None:
        super().__init__(
            f"The device {device_id} is enrolled already. If it has lost its identity, delete the device, and let it enroll anew."
        )


@dataclass(frozen=True, slots=True)
class Request:
    """The request of a device to be let in. ``nonce`` is random text that the device keeps; old agents have none."""

    device_id: str
    secret: str
    target: str
    labels: Mapping[str, str] = field(default_factory=dict)
    capabilities: Document = field(default_factory=dict)
    nonce: str | None = None


def enroll(request: Request) -> str | None:
    """Let a device in and return its token; None while a person has to accept it.

    Raises:
        InvalidDeviceId: The id breaks the rule or is reserved.
        UnknownTarget: No hardware target has that name.
        InvalidLabel: A label breaks the rule.
        EnrollmentRefused: The key is unknown, revoked, expired, used up or for another target, or the device is revoked.
        AlreadyEnrolled: The id is taken, and its token was used, another key let it in, or the nonce is not that of its
            enrollment.
    """
    check_device_id(request.device_id)
    get_target(request.target)
    labels = check_labels(request.labels)
    try:
        return _enroll(request, labels)
    except IntegrityError:
        # Another request for the same id was faster. Its row exists now, so the second try decides by that row.
        return _enroll(request, labels)


def check_device_id(device_id: str) -> str:
    """Return the id unchanged.

    Raises:
        InvalidDeviceId: It breaks the rule or is reserved.
    """
    if not _DEVICE_ID.fullmatch(device_id) or device_id in RESERVED_DEVICE_IDS:
        rule = "must be 1 to 128 letters, digits, '.', '_', '-', start with a letter or digit, and not be 'enroll' or 'self'."
        raise InvalidDeviceId.field("device_id", rule)
    return device_id


@transaction.atomic
def _enroll(request: Request, labels: dict[str, str]) -> str | None:
    key = EnrollmentKey.objects.filter(digest=digest_of(request.secret), revoked_at=None).first()
    if key is None:
        raise UnknownKey
    device = Device.objects.select_for_update(no_key=True).filter(device_id=request.device_id).first()
    if device is not None and device.enrollment_key_id == key.pk:
        return _repeat(device, nonce=request.nonce)
    if key.target and key.target != request.target:
        raise WrongTarget
    if key.expires_at <= timezone.now():
        raise ExpiredKey
    if device is not None:
        raise AlreadyEnrolled(request.device_id)
    if not EnrollmentKey.objects.filter(pk=key.pk, uses__lt=F("max_uses"), revoked_at=None).update(uses=F("uses") + 1):
        raise UsedUpKey
    return _admit(request, key=key, labels=labels)


def _repeat(device: Device, *, nonce: str | None) -> str | None:
    # First, so that nobody else learns the state of the device.
    if device.enrollment_nonce_digest and not _is_same(device.enrollment_nonce_digest, nonce):
        logger.warning("an enrollment of %s was repeated without its nonce, and refused", device.device_id)
        raise AlreadyEnrolled(device.device_id)
    if device.state == DeviceState.REVOKED:
        raise DeviceIsRevoked
    if device.state == DeviceState.PENDING:
        return None
    if DeviceToken.objects.filter(device=device).exclude(first_used_at=None).exists():
        raise AlreadyEnrolled(device.device_id)
    tokens.revoke_tokens(device)
    return tokens.issue_token(device)


def _is_same(digest: str, nonce: str | None) -> bool:
    return secrets.compare_digest(digest, digest_of(nonce or ""))


def _admit(request: Request, *, key: EnrollmentKey, labels: dict[str, str]) -> str | None:
    device = Device.objects.create(
        device_id=request.device_id,
        target=request.target,
        labels=check_labels({**labels, **key.labels}),
        capabilities=clean_document(request.capabilities),
        state=DeviceState.PENDING if key.is_reviewed else DeviceState.ACTIVE,
        enrollment_key=key,
        enrollment_nonce_digest=digest_of(request.nonce) if request.nonce else "",
    )
    subscriptions.replace(device, subscriptions.read_follows(key.subscriptions))
    after = {"target": device.target, "labels": device.labels, "state": device.state, "enrollment_key": key.name}
    actor = Actor(kind="device", name=device.device_id)
    audit.record(actor, action="enroll", object_type="device", object_id=device.device_id, after=after)
    return None if key.is_reviewed else tokens.issue_token(device)
