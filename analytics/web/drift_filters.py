"""What the filters of the drift page offer, and what the page shows where nothing was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from analytics.api.drift_parameters import read_scope, write_scope
from analytics.drift import queries, version_drift
from analytics.drift.queries import Traffic, VersionName
from core.formats.durations import format_duration
from ingest.roll_ups.keys import FLEET, Scope, ScopeKind
from registry.versions.queries import list_models, list_offerable_by_model

_WINDOWS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
_TITLES = {ScopeKind.TARGET: "Hardware target", ScopeKind.LABEL: "Label", ScopeKind.DEVICE: "Device"}


@dataclass(frozen=True, slots=True)
class Place:
    """An option of the select of places."""

    scope: Scope

    @property
    def value(self) -> str:
        """What the select sends: the scope's kind and value."""
        return f"{self.scope.kind}:{self.scope.value}"

    @property
    def words(self) -> str:
        """What people read; the group's title says the kind."""
        return self.scope.value or "Whole fleet"


@dataclass(frozen=True, slots=True)
class PlaceGroup:
    """Places of one kind."""

    title: str
    places: list[Place]


@dataclass(frozen=True, slots=True)
class DriftFilters:
    """Options of the selects: versions by model, windows, and places beside the whole fleet."""

    versions: dict[str, list[str]]
    windows: list[str]
    fleet: Place
    places: list[PlaceGroup]

    @property
    def models(self) -> list[str]:
        """Models with a version to look at."""
        return sorted(self.versions)


def find(version: VersionName | None, *, scope: Scope, length: timedelta, at: datetime) -> DriftFilters:
    """Return what there is to choose from: registered versions, and those that sent something in the window."""
    window = version_drift.window_of(length, at=at)
    traffic = queries.list_traffic(window, kinds=(ScopeKind.FLEET, ScopeKind.TARGET, ScopeKind.LABEL))
    return DriftFilters(
        versions=_versions(traffic, version),
        windows=[format_duration(one) for one in sorted({*_WINDOWS, settings.DRIFT_WINDOW, length})],
        fleet=Place(FLEET),
        places=_places(traffic, version, scope),
    )


def choose(model: str, version: str, *, length: timedelta, at: datetime) -> VersionName | None:
    """Return the version asked for; where a name is missing, the one with the most traffic, else the newest READY one."""
    if model and version:
        return VersionName(model, version)
    traffic = queries.list_traffic(version_drift.window_of(length, at=at))
    fitting = [row for row in traffic if not model or row.version.model == model]
    if fitting:
        return max(fitting, key=lambda row: row.samples).version
    slugs = [model] if model else list(list_models().values_list("slug", flat=True))
    offerable = list_offerable_by_model(slugs)
    return next((VersionName(slug, numbers[0]) for slug, numbers in sorted(offerable.items())), None)


def read_place(text: str) -> Scope:
    """Read what the select of places sent; the fleet where that is no place.

    Raises:
        Invalid: The label is not ``key=value``.
    """
    kind, _, value = text.partition(":")
    if kind not in set(_TITLES):
        return FLEET
    return read_scope(write_scope(Scope(ScopeKind(kind), value)))


def _versions(traffic: Sequence[Traffic], chosen: VersionName | None) -> dict[str, list[str]]:
    found = list_offerable_by_model(list_models().values_list("slug", flat=True))
    for version in [*(row.version for row in traffic), *([chosen] if chosen else [])]:
        numbers = found.setdefault(version.model, [])
        if version.number not in numbers:
            numbers.append(version.number)
    return found


def _places(traffic: Sequence[Traffic], version: VersionName | None, chosen: Scope) -> list[PlaceGroup]:
    scopes = [row.scope for row in traffic if row.version == version and row.scope.kind in _TITLES]
    if chosen != FLEET and chosen not in scopes:
        scopes.append(chosen)
    kinds = dict.fromkeys(scope.kind for scope in scopes)
    return [PlaceGroup(_TITLES[kind], [Place(scope) for scope in scopes if scope.kind == kind]) for kind in kinds]
