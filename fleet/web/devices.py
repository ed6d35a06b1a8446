"""The fleet page and the page of one device."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from console.pages import page, verb
from core.api.authentication import actor_of
from core.roles import Area
from fleet.devices import pins
from fleet.devices import queries as device_queries
from fleet.devices import verbs as devices
from fleet.models import Device, Pin
from fleet.polls import reading, resolving
from fleet.polls.resolving import Decision
from fleet.states import DeploymentState, DeviceState
from fleet.web.filters import DeviceFilters
from registry.versions.queries import list_offerable_by_model

_PER_PAGE = 50
_ATTEMPTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ModelOfDevice:
    """A model that a device follows: the decision, the operator's pin, and the versions that a pin may name."""

    model: str
    decision: Decision
    pin: Pin | None
    offerable: Sequence[str]


@page(Area.FLEET)
def fleet(request: HttpRequest) -> HttpResponse:
    """Show all devices."""
    filters, now = DeviceFilters.read(request.GET), timezone.now()
    rows = device_queries.mark_offline(filters.list_devices(), now=now)
    shown = Paginator(rows, _PER_PAGE).get_page(request.GET.get("page"))
    given = {
        "filters": filters,
        "devices": shown,
        "matching": shown.paginator.count,
        "counts": device_queries.count_fleet(),
        "online": device_queries.count_online(now),
        "is_moving": device_queries.is_moving(),
        "labels": [f"{key}:{value}" for key, value in device_queries.list_labels()],
        "targets": device_queries.list_targets(),
        "device_states": list(DeviceState),
        "pending_state": DeviceState.PENDING,
        "attempt_states": list(DeploymentState),
    }
    return render(request, "fleet/fleet.html", given)


@page(Area.FLEET)
def device(request: HttpRequest, device_id: str) -> HttpResponse:
    """Show one device: its facts, the decision for each model with the reasons, and its history."""
    rows = device_queries.with_status(Device.objects.filter(pk=devices.get(device_id).pk))
    found = device_queries.mark_offline(rows, now=timezone.now()).get()
    given = {
        "device": found,
        "models": _explain(found),
        "attempts": device_queries.list_attempts(found)[:_ATTEMPTS_SHOWN],
    }
    return render(request, "fleet/device.html", given)


@verb(Area.FLEET, back="device-page")
def accept(request: HttpRequest, device_id: str) -> HttpResponse:
    """Let in a device that waits."""
    devices.accept(device_id, actor=actor_of(request.user))
    messages.success(request, f"{device_id} is accepted; it gets its token when it asks again.")
    return redirect("device-page", device_id=device_id)


@verb(Area.FLEET, back="device-page")
def revoke(request: HttpRequest, device_id: str) -> HttpResponse:
    """Shut a device out."""
    devices.revoke(device_id, actor=actor_of(request.user))
    messages.success(request, f"{device_id} is revoked, and so are all its tokens.")
    return redirect("device-page", device_id=device_id)


@verb(Area.FLEET, back="device-page")
def pin(request: HttpRequest, device_id: str) -> HttpResponse:
    """Hold a device at a version."""
    model, version = request.POST.get("model", ""), request.POST.get("version", "")
    pins.pin(device_id, model=model, version=version, actor=actor_of(request.user))
    messages.success(request, f"{device_id} is held at {model} {version}.")
    return redirect("device-page", device_id=device_id)


@verb(Area.FLEET, back="device-page")
def unpin(request: HttpRequest, device_id: str) -> HttpResponse:
    """Let a device follow its channel again."""
    pins.unpin(device_id, model=request.POST.get("model", ""), actor=actor_of(request.user))
    messages.success(request, f"{device_id} follows its channel again.")
    return redirect("device-page", device_id=device_id)


def _explain(found: Device) -> list[ModelOfDevice]:
    slugs = [row.model_slug for row in found.subscriptions.all()]
    pins_by_model = {row.model.slug: row for row in found.pins.all()}
    offerable = list_offerable_by_model(slugs)
    models = []
    for slug in slugs:
        known = reading.find_by_device(found.device_id, model=slug)
        if known is not None and known.facts is not None:
            decision = resolving.resolve(known.facts)
            models.append(ModelOfDevice(slug, decision, pins_by_model.get(slug), offerable.get(slug, [])))
    return models
