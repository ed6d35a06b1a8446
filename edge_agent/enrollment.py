"""The device's identity: how the device gets it from the server, and where it keeps it.

1. Make a nonce, and write it to a file that only the agent's user may read. Other devices may have the same enrollment key;
   with the nonce, the server answers only this device when the request is repeated.
2. `POST /api/devices/enroll` with the enrollment key and the nonce. 202 means that a person has to accept the device: the
   agent sends the same request again later.
3. The answer holds the token, which the server shows once, and the signing keys, which the device trusts from then on.
4. Both are written to one file that only the agent's user may read, before the agent does anything else. When the answer
   or the power is lost before that, the same request issues the token anew (wire contract: until its first use).
5. Remove the nonce: no repeat is needed any more.
"""

import dataclasses
import logging
import secrets
from pathlib import Path

from edge_agent.errors import AgentError
from edge_agent.machine import disk as disks
from edge_agent.machine.capabilities import Capabilities
from edge_agent.server.client import Client
from edge_agent.setting_kinds import BadSetting
from edge_agent.settings import Settings

log = logging.getLogger(__name__)
IDENTITY_FILE = "identity.json"
NONCE_FILE = "enrollment.json"
SECRET_MODE = 0o600


class EnrollmentError(AgentError):
    """The device has no identity."""

    code = "enrollment_error"


class NotEnrolled(EnrollmentError):
    """The device has no identity yet, and no enrollment key to get one with."""

    code = "not_enrolled"


class AwaitingAcceptance(EnrollmentError):
    """A person has to accept the device first."""

    code = "awaiting_acceptance"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """The device as one server knows it; `signing_keys` are PEM texts."""

    device_id: str
    server_url: str
    token: str = dataclasses.field(repr=False)
    signing_keys: tuple[str, ...] = ()


def find(home: Path) -> Identity | None:
    """Return the identity in a home folder, or None before the enrollment."""
    document = disks.read_document(home / IDENTITY_FILE)
    if document is None:
        return None
    return Identity(
        device_id=document["device_id"],
        server_url=document["server_url"],
        token=document["token"],
        signing_keys=tuple(document["signing_keys"]),
    )


def ensure(client: Client, *, settings: Settings, disk: disks.Disk, capabilities: Capabilities) -> Identity:
    """Return the identity in the home folder, or enroll the device once.

    Raises:
        NotEnrolled: no identity and no key.
        AwaitingAcceptance: ask again later.
        BadSetting: the identity in this home belongs to another device.
        ServerTrouble: ask again later.
        ServerRefusal: the key is wrong, expired or used up (403), or the device is enrolled already (409).
    """
    identity = find(settings.home)
    if identity is None:
        return _enroll(client, settings=settings, disk=disk, capabilities=capabilities)
    if identity.device_id != settings.device_id:
        raise BadSetting("device_id", f"{settings.home} belongs to {identity.device_id!r}; use another home")
    return identity


def _enroll(client: Client, *, settings: Settings, disk: disks.Disk, capabilities: Capabilities) -> Identity:
    if settings.enrollment_key is None:
        message = "this device is not enrolled, and enrollment_key is not set"
        raise NotEnrolled(message)
    disk.ensure_folder(settings.home)
    enrolled = client.enroll(
        {
            "device_id": settings.device_id,
            "enrollment_key": settings.enrollment_key,
            "target": settings.target,
            "labels": settings.labels,
            "capabilities": capabilities,
            "nonce": _keep_nonce(settings, disk=disk),
        }
    )
    if enrolled is None:
        message = "the server waits for a person to accept this device"
        raise AwaitingAcceptance(message)
    identity = Identity(
        device_id=settings.device_id,
        server_url=settings.server_url,
        token=enrolled.token,
        signing_keys=enrolled.signing_keys,
    )
    disk.write_document(settings.home / IDENTITY_FILE, dataclasses.asdict(identity), mode=SECRET_MODE)
    disk.remove(settings.home / NONCE_FILE)
    log.info("enrolled as %s with %d signing keys pinned", identity.device_id, len(identity.signing_keys))
    return identity


def _keep_nonce(settings: Settings, *, disk: disks.Disk) -> str:
    """Return the nonce of this device's enrollment; the first time, make it and write it durably."""
    kept = _find_nonce(settings)
    if kept is not None:
        return kept
    nonce = secrets.token_urlsafe(32)
    document = {"device_id": settings.device_id, "nonce": nonce}
    disk.write_document(settings.home / NONCE_FILE, document, mode=SECRET_MODE)
    return nonce


def _find_nonce(settings: Settings) -> str | None:
    try:
        document = disks.read_document(settings.home / NONCE_FILE) or {}
    except ValueError:
        # The disk is damaged. A new nonce enrolls the device, unless the server knows the old one and refuses it.
        log.warning("%s cannot be read; making a new nonce", settings.home / NONCE_FILE)
        return None
    nonce = document.get("nonce")
    return nonce if document.get("device_id") == settings.device_id and isinstance(nonce, str) and nonce else None
