"""The fleet page and the page of one device."""

from typing import Any

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
from fleet.models import Device
from fleet.polls import reading, resolving
from fleet.polls.resolving import Decision
from fleet.web.filters import ATTEMPT_STATES, DEVICE_STATES, DeviceFilters
from registry.versions.queries import list_offerable_by_model

_PER_PAGE = 50
_ATTEMPTS_SHOWN = 50
_UNSUCCESSFUL = ("failed", "rolled_back", "timed_out")


@page(Area.FLEET)
def fleet(request: HttpRequest) -> HttpResponse:
    """Show all devices."""
    filters, now = DeviceFilters.read(request.GET), timezone.now()
    shown = Paginator(filters.list_devices(), _PER_PAGE).get_page(request.GET.get("page"))
    counts = device_queries.count_fleet()
    given = {
        "filters": filters,
        "devices": shown,
        "counts": counts,
        "failing": sum(counts.by_deployment_state.get(state, 0) for state in _UNSUCCESSFUL),
        "online": device_queries.count_online(now),
        "online_since": device_queries.online_since(now),
        "is_moving": device_queries.is_moving(),
        **_choices(),
    }
    return render(request, "fleet/fleet.html", given)


@page(Area.FLEET)
def device(request: HttpRequest, device_id: str) -> HttpResponse:
    """Show one device: what it says, what it should run and why, and its history."""
    found = device_queries.with_status(Device.objects.filter(pk=devices.get(device_id).pk)).get()
    given = {
        "device": found,
        "decisions": _explain(found),
        "attempts": device_queries.list_attempts(found)[:_ATTEMPTS_SHOWN],
        "online_since": device_queries.online_since(timezone.now()),
        "offerable": list_offerable_by_model([row.model_slug for row in found.subscriptions.all()]),
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
    messages.success(request, f"{device_id} is shut out; all its tokens are revoked.")
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


def _choices() -> dict[str, Any]:
    return {
        "labels": [f"{key}:{value}" for key, value in device_queries.list_labels()],
        "targets": device_queries.list_targets(),
        "device_states": DEVICE_STATES,
        "attempt_states": ATTEMPT_STATES,
    }


def _explain(found: Device) -> list[tuple[str, Decision]]:
    decisions = []
    for row in found.subscriptions.all():
        known = reading.find_by_device(found.device_id, model=row.model_slug)
        if known is not None and known.facts is not None:
            decisions.append((row.model_slug, resolving.resolve(known.facts)))
    return decisions
