"""What the filters of the drift page offer, and what it shows where nothing was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from analytics.drift import queries, version_drift
from analytics.drift.queries import Traffic, VersionName
from core.formats.durations import format_duration
from ingest.roll_ups.keys import FLEET, Scope, ScopeKind
from registry.versions.queries import list_models, list_offerable_by_model

_WINDOWS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
_TITLES: dict[str, str] = {ScopeKind.TARGET: "Hardware target", ScopeKind.LABEL: "Label", ScopeKind.DEVICE: "Device"}


@dataclass(frozen=True, slots=True)
class DriftFilters:
    """Options of the selects: versions by model, windows, and places as (title, [(value, words, samples)])."""

    versions: dict[str, list[str]]
    windows: list[str]
    places: list[tuple[str, list[tuple[str, str, int]]]]

    @property
    def models(self) -> list[str]:
        """Models with a version to look at."""
        return sorted(self.versions)


def find(version: VersionName | None, *, scope: Scope, length: timedelta, at: datetime) -> DriftFilters:
    """Return what there is to choose from: registered versions, and whatever sent something in the window."""
    window = version_drift.window_of(length, at=at)
    traffic = queries.list_traffic(window, kinds=(ScopeKind.FLEET, ScopeKind.TARGET, ScopeKind.LABEL))
    return DriftFilters(
        versions=_versions(traffic, version), windows=_windows(length), places=_places(traffic, version, scope)
    )


def choose(model: str, version: str, *, length: timedelta, at: datetime) -> VersionName | None:
    """Return what was asked for; where it is incomplete, the version with the most traffic, else the newest READY one."""
    if model and version:
        return VersionName(model, version)
    traffic = queries.list_traffic(version_drift.window_of(length, at=at))
    fitting = [row for row in traffic if not model or row.version.model == model]
    if fitting:
        return max(fitting, key=lambda row: row.samples).version
    slugs = [model] if model else list(list_models().values_list("slug", flat=True))
    offerable = list_offerable_by_model(slugs)
    return next((VersionName(slug, numbers[0]) for slug, numbers in sorted(offerable.items())), None)


def _versions(traffic: Sequence[Traffic], chosen: VersionName | None) -> dict[str, list[str]]:
    found = list_offerable_by_model(list_models().values_list("slug", flat=True))
    for version in [*(row.version for row in traffic), *([chosen] if chosen else [])]:
        numbers = found.setdefault(version.model, [])
        if version.number not in numbers:
            numbers.append(version.number)
    return found


def _windows(length: timedelta) -> list[str]:
    return [format_duration(one) for one in sorted({*_WINDOWS, settings.DRIFT_WINDOW, length})]


def _places(
    traffic: Sequence[Traffic], version: VersionName | None, scope: Scope
) -> list[tuple[str, list[tuple[str, str, int]]]]:
    groups: dict[str, list[tuple[str, str, int]]] = {}
    for row in traffic:
        if row.version == version and row.scope.kind in _TITLES:
            value = f"{row.scope.kind}:{row.scope.value}"
            groups.setdefault(row.scope.kind, []).append((value, row.scope.value, row.samples))
    if scope != FLEET and not any(value == scope.value for _, value, _ in groups.get(scope.kind, [])):
        groups.setdefault(scope.kind, []).append((f"{scope.kind}:{scope.value}", scope.value, 0))
    return [(_TITLES[kind], rows) for kind, rows in groups.items()]
