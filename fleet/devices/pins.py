"""Pins: an operator holds one device at one version of a model. A pin goes before channel and rollouts."""

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Conflict
from fleet.devices import subscriptions
from fleet.devices import verbs as devices
from fleet.models import Pin
from registry.models import next_release_counter
from registry.offers import verbs as offers
from registry.versions import queries, registered_models


class CannotPin(Conflict):
    """The device does not follow the model, or the version is not given to devices."""

    code = "cannot_pin"


@transaction.atomic
def pin(device_id: str, *, model: str, version: str, actor: Actor) -> Pin:
    """Hold a device at a version. A pin to another version of the model is replaced; the same pin again changes nothing.

    Raises:
        UnknownDevice: or ``UnknownModel``, ``UnknownVersion``: a name does not exist.
        CannotPin: The device has no subscription to the model, or the version is not READY or quarantined.
    """
    device = devices.lock(device_id)
    # A roll-back and a deletion take the same lock, so the version cannot change before the pin is written.
    registered_models.lock(model)
    wanted = queries.get_version(model, version)
    if not device.subscriptions.filter(model_slug=model).exists():
        raise CannotPin(f"The device {device_id} has no subscription to {model}.")
    if not wanted.is_offerable:
        raise CannotPin(f"{wanted} is {'quarantined' if wanted.quarantined_at else wanted.status}.")
    former = Pin.objects.select_related("version").filter(device=device, model=wanted.model).first()
    if former is not None and former.version_id == wanted.pk:
        return former
    counter = next_release_counter(wanted.model_id)
    placed, _ = Pin.objects.update_or_create(
        device=device,
        model=wanted.model,
        defaults={"version": wanted, "release_counter": counter, "created_by": str(actor)},
    )
    offers.fix(wanted, release_counter=counter, targets=[device.target])
    before = {"version": former.version.number} if former else None
    _record(actor, "pin", device_id, before=before, after={"model": model, "version": version})
    return placed


@transaction.atomic
def unpin(device_id: str, *, model: str, actor: Actor) -> None:
    """Let a device follow its channel again. Where there is no pin this changes nothing.

    Raises:
        UnknownDevice: No device has the id.
        UnknownModel: No model has the name.
    """
    device = devices.lock(device_id)
    # A roll-back locks the model before the pins; the same order here avoids a deadlock.
    found = Pin.objects.select_related("version").filter(device=device, model=registered_models.lock(model)).first()
    if found is None:
        return
    before = {"model": model, "version": found.version.number}
    found.delete()
    # The pin's release counter is gone with the pin, so the subscription takes a higher one.
    subscriptions.note_act(device, models=[model])
    _record(actor, "unpin", device_id, before=before, after=None)


def _record(
    actor: Actor, action: str, device_id: str, *, before: dict[str, str] | None, after: dict[str, str] | None
) -> None:
    audit.record(actor, action=action, object_type="device", object_id=device_id, before=before, after=after)
