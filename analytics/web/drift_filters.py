"""What the filters of the drift page offer, and what it shows where nothing was chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from analytics.drift import queries, version_drift
from analytics.drift.queries import Subject, Traffic
from analytics.drift.scopes import DEVICE, FLEET, LABEL, TARGET
from core.formats.durations import format_duration
from ingest.roll_ups.counting import Scope
from registry.versions.queries import list_models, list_offerable_by_model

_WINDOWS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
_TITLES = {TARGET: "Hardware target", LABEL: "Label", DEVICE: "Device"}


@dataclass(frozen=True, slots=True)
class Choices:
    """Options of the selects: versions by model, windows, and places as (title, [(value, words, samples)])."""

    versions: dict[str, list[str]]
    windows: list[str]
    places: list[tuple[str, list[tuple[str, str, int]]]]

    @property
    def models(self) -> list[str]:
        """Models with a version to look at."""
        return sorted(self.versions)


def find(subject: Subject | None, *, scope: Scope, length: timedelta, at: datetime) -> Choices:
    """Return what there is to choose from: registered versions, and whatever sent something in the window."""
    window = version_drift.window_of(length, at=at)
    traffic = queries.list_traffic(window, kinds=(FLEET.kind, TARGET, LABEL))
    return Choices(
        versions=_versions(traffic, subject), windows=_windows(length), places=_places(traffic, subject, scope)
    )


def choose(model: str, version: str, *, length: timedelta, at: datetime) -> Subject | None:
    """Return what was asked for; where it is incomplete, the version with the most traffic, else the newest READY one."""
    if model and version:
        return Subject(model, version)
    traffic = queries.list_traffic(version_drift.window_of(length, at=at))
    fitting = [row for row in traffic if not model or row.subject.model == model]
    if fitting:
        return max(fitting, key=lambda row: row.samples).subject
    slugs = [model] if model else list(list_models().values_list("slug", flat=True))
    offerable = list_offerable_by_model(slugs)
    return next((Subject(slug, numbers[0]) for slug, numbers in sorted(offerable.items())), None)


def _versions(traffic: Sequence[Traffic], chosen: Subject | None) -> dict[str, list[str]]:
    found = list_offerable_by_model(list_models().values_list("slug", flat=True))
    for subject in [*(row.subject for row in traffic), *([chosen] if chosen else [])]:
        numbers = found.setdefault(subject.model, [])
        if subject.version not in numbers:
            numbers.append(subject.version)
    return found


def _windows(length: timedelta) -> list[str]:
    return [format_duration(one) for one in sorted({*_WINDOWS, settings.DRIFT_WINDOW, length})]


def _places(
    traffic: Sequence[Traffic], subject: Subject | None, scope: Scope
) -> list[tuple[str, list[tuple[str, str, int]]]]:
    groups: dict[str, list[tuple[str, str, int]]] = {}
    for row in traffic:
        if row.subject == subject and row.scope.kind in _TITLES:
            value = f"{row.scope.kind}:{row.scope.value}"
            groups.setdefault(row.scope.kind, []).append((value, row.scope.value, row.samples))
    if scope != FLEET and not any(value == scope.value for _, value, _ in groups.get(scope.kind, [])):
        groups.setdefault(scope.kind, []).append((f"{scope.kind}:{scope.value}", scope.value, 0))
    return [(_TITLES[kind], rows) for kind, rows in groups.items()]
