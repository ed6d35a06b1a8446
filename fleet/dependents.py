"""Find the rollouts, pins and devices that need a version, so that the registry does not delete it."""

from django.db.models import Q

from fleet.models import Device, Pin, Rollout
from fleet.states import ENDED_ROLLOUT_STATES, OPEN_DEPLOYMENT_STATES, DeviceState, RolloutState
from registry.models import ModelVersion
from registry.versions.dependents import Dependent


def find(version: ModelVersion) -> list[Dependent]:
    """Return what needs a version: unfinished rollouts, pins, and devices that run it or have an open attempt at it."""
    unfinished = [state for state in RolloutState if state not in ENDED_ROLLOUT_STATES]
    rollouts = Rollout.objects.filter(Q(version=version) | Q(previous_version=version), state__in=unfinished)
    found = [Dependent(kind="rollout", name=str(pk)) for pk in rollouts.values_list("pk", flat=True)]
    pinned = Pin.objects.filter(version=version).values_list("device__device_id", flat=True)
    found += [Dependent(kind="pin", name=device_id) for device_id in pinned]
    runs = Q(running__contains=[{"model": version.model.slug, "version": version.number}])
    in_hand = Q(deployments__version=version, deployments__state__in=OPEN_DEPLOYMENT_STATES)
    devices = Device.objects.filter(runs | in_hand).exclude(state=DeviceState.REVOKED).distinct()
    names = devices.values_list("device_id", flat=True)
    return found + [Dependent(kind="device", name=device_id) for device_id in names]
