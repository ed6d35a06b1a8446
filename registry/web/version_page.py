"""What a person reads of a version beyond the wire's form: its variants by target, and which targets get equal bytes."""

from dataclasses import dataclass
from typing import Any

from registry.compression.targets import HardwareTarget, UnknownTarget, get_target, load_targets
from registry.models import ModelVersion
from registry.states import UNFINISHED_VARIANTS
from registry.versions.details import describe_version


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One hardware target: what its devices are offered, and what was tried before that."""

    name: str
    target: HardwareTarget | None
    attempts: list[dict[str, Any]]

    @property
    def title(self) -> str:
        """The target's title; its name where the target is no longer built in."""
        return self.target.title if self.target else self.name

    @property
    def offered(self) -> dict[str, Any] | None:
        """The variant that its devices get; None while there is none."""
        return next((attempt for attempt in self.attempts if attempt["is_default"]), None)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be built."""
        return any(attempt["status"] in UNFINISHED_VARIANTS for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class SameBytes:
    """The targets that get one file."""

    variant: dict[str, Any]
    rows: list[TargetRow]


@dataclass(frozen=True, slots=True)
class VersionPage:
    """The version as the wire shows it, with its targets."""

    version: dict[str, Any]
    rows: list[TargetRow]

    @property
    def done_count(self) -> int:
        """Targets with nothing left to do."""
        return sum(not row.is_open for row in self.rows)

    @property
    def done_share(self) -> float:
        """The same as a share of 1."""
        return self.done_count / len(self.rows) if self.rows else 0.0

    @property
    def files(self) -> list[SameBytes]:
        """The distinct files that are offered, and to whom."""
        found: dict[str, SameBytes] = {}
        for row in self.rows:
            if row.offered is not None:
                found.setdefault(row.offered["sha256"], SameBytes(row.offered, [])).rows.append(row)
        return list(found.values())

    @property
    def measured_on(self) -> list[str]:
        """The machines that took the measurements."""
        names = [attempt["measured_on"] for row in self.rows for attempt in row.attempts if attempt["measured_on"]]
        return list(dict.fromkeys(names))

    @property
    def more_targets(self) -> list[HardwareTarget]:
        """Targets that were not asked for yet."""
        return [target for name, target in load_targets().items() if name not in self.version["targets"]]


def describe(version: ModelVersion) -> VersionPage:
    """Describe a row that ``registry.versions.queries.with_variants`` prepared."""
    shown = describe_version(version)
    names = dict.fromkeys(variant["target"] for variant in shown["variants"])
    return VersionPage(shown, [TargetRow(name, _find(name), _list_attempts(shown, name)) for name in names])


def _list_attempts(shown: dict[str, Any], target: str) -> list[dict[str, Any]]:
    """Return what is offered first, then what was passed over on the way there."""
    attempts = [variant for variant in shown["variants"] if variant["target"] == target]
    return sorted(attempts, key=lambda attempt: not attempt["is_default"])


def _find(name: str) -> HardwareTarget | None:
    try:
        return get_target(name)
    except UnknownTarget:
        return None
