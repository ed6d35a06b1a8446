"""Verbs of devices: accept, revoke, rotate the token, change labels and subscriptions, delete, note a heartbeat."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Conflict, Missing
from fleet.devices import last_seen, subscriptions, tokens
from fleet.devices.labels import Document, check_labels, clean_document
from fleet.devices.subscriptions import Follow
from fleet.models import Device
from fleet.states import DeviceState


class UnknownDevice(Missing):
    """No device has that id."""

    code = "unknown_device"


class CannotAccept(Conflict):
    """The device does not wait to be accepted."""

    code = "cannot_accept"


class CannotRotate(Conflict):
    """The device is not in the fleet, so it has no token to replace."""

    code = "cannot_rotate"


@dataclass(frozen=True, slots=True)
class Running:
    """A model that a device says it runs."""

    model: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The state that a device reports. ``clock`` is the time by the device's clock, in epoch seconds."""

    agent_version: str
    running: Sequence[Running]
    resources: Document
    capabilities: Document | None = None
    clock: float | None = None


def get(device_id: str) -> Device:
    """Return a device.

    Raises:
        UnknownDevice: There is none.
    """
    return _found(Device.objects.filter(device_id=device_id).first(), device_id)


def lock(device_id: str) -> Device:
    """Return a device, locked for the rest of the transaction, so that verbs on one device follow each other.

    Raises:
        UnknownDevice: There is none.
    """
    return _found(Device.objects.select_for_update(no_key=True).filter(device_id=device_id).first(), device_id)


@transaction.atomic
def accept(device_id: str, *, actor: Actor) -> Device:
    """Accept a device that waits; it gets its token when it asks again.

    Raises:
        UnknownDevice: There is none.
        CannotAccept: It does not wait.
    """
    device = lock(device_id)
    if device.state != DeviceState.PENDING:
        raise CannotAccept(f"The device {device_id} is {device.state}; only pending ones are accepted.")
    _set_state(device, DeviceState.ACTIVE, action="accept", actor=actor)
    return device


@transaction.atomic
def revoke(device_id: str, *, actor: Actor) -> Device:
    """Revoke a device and all its tokens. Revoking it again changes nothing.

    Raises:
        UnknownDevice: There is none.
    """
    device = lock(device_id)
    tokens.revoke_tokens(device)
    if device.state != DeviceState.REVOKED:
        _set_state(device, DeviceState.REVOKED, action="revoke", actor=actor)
    return device


@transaction.atomic
def rotate_token(device_id: str, *, actor: Actor) -> str:
    """Give a device a new token and return it. The old one ends when the new one is first used.

    A rotation that was never used is replaced: two tokens are valid at most.

    Raises:
        UnknownDevice: There is none.
        CannotRotate: It is not active.
    """
    device = lock(device_id)
    if device.state != DeviceState.ACTIVE:
        raise CannotRotate(f"The device {device_id} is {device.state}; only active ones have a token.")
    tokens.revoke_tokens(device, only_unused=True)
    secret = tokens.issue_token(device)
    audit.record(actor, action="rotate_token", object_type="device", object_id=device_id)
    return secret


@transaction.atomic
def change(
    device_id: str, *, actor: Actor, labels: Mapping[str, str] | None = None, follows: Sequence[Follow] | None = None
) -> Device:
    """Replace a device's labels, its subscriptions, or both. Both are acts: they may change the version that the device should run.

    Raises:
        UnknownDevice: There is none.
        Invalid: A label or a subscription breaks its rule.
    """
    device = lock(device_id)
    before = describe_changeable(device)
    if follows is not None:
        subscriptions.lock_models(device, follows)
        subscriptions.replace(device, follows)
    if labels is not None and dict(labels) != device.labels:
        device.labels = check_labels(labels)
        device.save(update_fields=["labels"])
        subscriptions.note_act(device)
    tokens.forget(device.pk)
    after = describe_changeable(device)
    if after != before:
        audit.record(actor, action="change", object_type="device", object_id=device_id, before=before, after=after)
    return device


@transaction.atomic
def delete(device_id: str, *, actor: Actor) -> None:
    """Remove a device with its tokens and its history of deployments; its id may enroll again.

    Raises:
        UnknownDevice: There is none.
    """
    device = lock(device_id)
    before = {"target": device.target, "state": device.state, **describe_changeable(device)}
    tokens.forget(device.pk)
    device.delete()
    audit.record(actor, action="delete", object_type="device", object_id=device_id, before=before)


def note_heartbeat(device_pk: int, heartbeat: Heartbeat, *, now: datetime) -> None:
    """Keep the state that a device reports, in one UPDATE."""
    said: dict[str, Any] = {
        "agent_version": heartbeat.agent_version,
        "running": clean_document([asdict(row) for row in heartbeat.running]),
        "resources": clean_document(heartbeat.resources),
        "last_seen_at": now,
    }
    if heartbeat.capabilities is not None:
        said["capabilities"] = clean_document(heartbeat.capabilities)
    if heartbeat.clock is not None and math.isfinite(heartbeat.clock):
        said["clock_offset_seconds"] = heartbeat.clock - now.timestamp()
    Device.objects.filter(pk=device_pk).update(**said)
    last_seen.note(device_pk, at=now)


def describe_changeable(device: Device) -> dict[str, dict[str, str] | list[dict[str, str]]]:
    """Return the fields that ``change`` may change, for the audit trail."""
    rows = device.subscriptions.order_by("position", "id")
    followed = [{"model": row.model_slug, "channel": row.channel_name} for row in rows]
    return {"labels": device.labels, "subscriptions": followed}


def _set_state(device: Device, state: DeviceState, *, action: str, actor: Actor) -> None:
    before, device.state = device.state, state
    device.save(update_fields=["state"])
    audit.record(
        actor,
        action=action,
        object_type="device",
        object_id=device.device_id,
        before={"state": before},
        after={"state": state},
    )


def _found(device: Device | None, device_id: str) -> Device:
    if device is None:
        raise UnknownDevice(f"There is no device {device_id[:128]!r}.")
    return device
