"""Drift of each device of a scope, worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from analytics.drift import queries
from analytics.drift.baselines_in_force import BaselineInForce
from analytics.drift.queries import VersionName
from analytics.drift.statistics import comparison
from analytics.drift.statistics.severity import Status
from analytics.drift.windows import Window
from fleet.models import Device
from ingest.roll_ups.keys import Scope, ScopeKind

WORST_DEVICES = 5


@dataclass(frozen=True, slots=True)
class DeviceDrift:
    """Drift of one device; the indices are None without a baseline."""

    device_id: str
    samples: int
    status: Status
    psi_raw: float | None
    psi_adjusted: float | None
    p_value: float | None

    @property
    def place(self) -> tuple[float, float, str]:
        """The key that ``rank`` sorts by: adjusted index, then plain index, both falling; then the id."""
        return (-(self.psi_adjusted or 0.0), -(self.psi_raw or 0.0), self.device_id)


@dataclass(frozen=True, slots=True)
class DevicesDrift:
    """The devices of a scope that sent something in the window."""

    total: int
    drifting: int
    worst: list[DeviceDrift]


def rank(version: VersionName, baseline: BaselineInForce | None, *, scope: Scope, window: Window) -> list[DeviceDrift]:
    """Compare every device of a scope that sent something in the window; worst first.

    The q values are taken over the devices that have enough samples. Devices of a target or label are those that have it now.
    """
    if scope.kind == ScopeKind.DEVICE:
        alone = queries.sum_counts(version, scope=scope, window=window).classes
        found = {scope.value: alone} if alone else {}
    else:
        by_scope = queries.sum_classes_by_scope(version, kinds=[ScopeKind.DEVICE], window=window)
        found = {device.value: classes for device, classes in by_scope.items()}
    members = _members(scope)
    chosen = {device_id: classes for device_id, classes in found.items() if members is None or device_id in members}
    if baseline is None:
        rows = [
            DeviceDrift(device_id, sum(classes.values()), Status.NO_BASELINE, None, None, None)
            for device_id, classes in chosen.items()
        ]
    else:
        rows = _compare(chosen, baseline)
    return sorted(rows, key=lambda row: row.place)


def summarize(rows: Sequence[DeviceDrift]) -> DevicesDrift:
    """Count ranked devices and keep the worst."""
    return DevicesDrift(len(rows), sum(row.status.is_alarm for row in rows), list(rows[:WORST_DEVICES]))


def _compare(devices: dict[str, dict[str, int]], baseline: BaselineInForce) -> list[DeviceDrift]:
    compared = {
        device_id: comparison.compare(
            classes, reference=baseline.reference, overdispersion=settings.DRIFT_OVERDISPERSION
        )
        for device_id, classes in devices.items()
    }
    judged = comparison.judge(compared)
    return [
        DeviceDrift(
            device_id, found.samples, judged[device_id].status, found.psi_raw, found.psi_adjusted, found.p_value
        )
        for device_id, found in compared.items()
    ]


def _members(scope: Scope) -> frozenset[str] | None:
    """Return the devices of a target or label; None for no restriction."""
    if scope.kind == ScopeKind.TARGET:
        rows = Device.objects.filter(target=scope.value)
    elif scope.kind == ScopeKind.LABEL:
        key, _, value = scope.value.partition("=")
        rows = Device.objects.filter(labels__contains={key: value})
    else:
        return None
    return frozenset(rows.values_list("device_id", flat=True))
