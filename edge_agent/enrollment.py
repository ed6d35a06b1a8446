"""How a device gets its identity, and where it keeps it.

1. `POST /api/devices/enroll` with the enrolment key; 202 means that a person has to accept: the same POST again later.
2. The answer holds the token, shown once, and the signing keys, which are pinned from here on.
3. Both are written, in one file that only the agent's user may read, before anything else is done. When the answer or the
   power is lost before that, the same POST again issues the token anew (wire contract: until its first use).
"""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from edge_agent.errors import AgentError
from edge_agent.machine import disk as disks
from edge_agent.server.client import Client, ServerBroken
from edge_agent.setting_kinds import BadSetting
from edge_agent.settings import Settings

log = logging.getLogger(__name__)
IDENTITY_FILE = "identity.json"
SECRET_MODE = 0o600


class EnrollmentError(AgentError):
    """The device has no identity."""

    code = "enrollment_error"


class NotEnrolled(EnrollmentError):
    """There is no identity yet, and no enrolment key to get one with."""

    code = "not_enrolled"


class AwaitingAcceptance(EnrollmentError):
    """A person has to accept the device first."""

    code = "awaiting_acceptance"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the device is to one server."""

    device_id: str
    server_url: str
    token: str = dataclasses.field(repr=False)
    signing_keys: tuple[str, ...] = ()


def find(home: Path) -> Identity | None:
    """Return the kept identity, or None before enrolment."""
    document = disks.read_document(home / IDENTITY_FILE)
    if document is None:
        return None
    return Identity(
        device_id=document["device_id"],
        server_url=document["server_url"],
        token=document["token"],
        signing_keys=tuple(document["signing_keys"]),
    )


def ensure(client: Client, *, settings: Settings, disk: disks.Disk, capabilities: dict[str, Any]) -> Identity:
    """Return the kept identity, or enrol once.

    Raises:
        NotEnrolled: no identity and no key.
        AwaitingAcceptance: ask again later.
        BadSetting: the identity in this home belongs to another device.
        ServerTrouble: ask again later.
        ServerRefusal: the key is bad, expired or used up (403), or the device is enrolled already (409).
    """
    identity = find(settings.home)
    if identity is not None:
        if identity.device_id != settings.device_id:
            raise BadSetting("device_id", f"{settings.home} belongs to {identity.device_id!r}; use another home")
        return identity
    if settings.enrollment_key is None:
        message = "this device is not enrolled, and enrollment_key is not set"
        raise NotEnrolled(message)
    body = {
        "device_id": settings.device_id,
        "enrollment_key": settings.enrollment_key,
        "target": settings.target,
        "labels": settings.labels,
        "capabilities": capabilities,
    }
    status, answer = client.enroll(body)
    if status == 202:
        message = "the server waits for a person to accept this device"
        raise AwaitingAcceptance(message)
    identity = _read(answer, settings=settings)
    disk.ensure_folder(settings.home)
    disk.write_document(settings.home / IDENTITY_FILE, dataclasses.asdict(identity), mode=SECRET_MODE)
    log.info("enrolled as %s with %d signing keys pinned", identity.device_id, len(identity.signing_keys))
    return identity


def _read(answer: dict[str, Any], *, settings: Settings) -> Identity:
    token, keys = answer.get("token"), answer.get("signing_keys")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        message = "the enrolment answer holds no token"
        raise ServerBroken(message)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        message = "the enrolment answer holds no signing keys"
        raise ServerBroken(message)
    return Identity(device_id=settings.device_id, server_url=settings.server_url, token=token, signing_keys=tuple(keys))
