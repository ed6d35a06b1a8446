"""Everything that the page of a version shows: its variants by target, and which targets get the same file."""

from dataclasses import dataclass

from registry.compression.targets import HardwareTarget, UnknownTarget, get_target, load_targets
from registry.models import ModelVersion
from registry.versions.details import VariantDetails, VersionDetails, describe_version


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One hardware target: the variant that its devices are offered first, then the other attempts."""

    name: str
    target: HardwareTarget | None
    attempts: list[VariantDetails]

    @property
    def title(self) -> str:
        """The target's title; its name where the target is no longer built in."""
        return self.target.title if self.target else self.name

    @property
    def offered(self) -> VariantDetails | None:
        """The variant that its devices get; None while there is none."""
        return next((attempt for attempt in self.attempts if attempt.is_default), None)

    @property
    def is_open(self) -> bool:
        """Whether a variant is still to be built."""
        return any(attempt.is_open for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class SameFile:
    """The targets that get one file."""

    variant: VariantDetails
    rows: list[TargetRow]


@dataclass(frozen=True, slots=True)
class VersionPage:
    """The version with its targets."""

    version: VersionDetails
    rows: list[TargetRow]

    @property
    def done_count(self) -> int:
        """How many targets have nothing left to build."""
        return sum(not row.is_open for row in self.rows)

    @property
    def done_ratio(self) -> float:
        """The part of the targets that have nothing left to build."""
        return self.done_count / len(self.rows) if self.rows else 0.0

    @property
    def files(self) -> list[SameFile]:
        """The distinct files that are offered, each with its targets."""
        found: dict[str | None, SameFile] = {}
        for row in self.rows:
            if row.offered is not None:
                found.setdefault(row.offered.sha256, SameFile(row.offered, [])).rows.append(row)
        return list(found.values())

    @property
    def measured_on(self) -> list[str]:
        """The machines that took the measurements."""
        names = [attempt.measured_on for row in self.rows for attempt in row.attempts if attempt.measured_on]
        return list(dict.fromkeys(names))

    @property
    def more_targets(self) -> list[HardwareTarget]:
        """The targets that nobody asked for yet."""
        return [target for name, target in load_targets().items() if name not in self.version.targets]


def describe(version: ModelVersion) -> VersionPage:
    """Describe a row that ``registry.versions.queries.with_variants`` prepared."""
    shown = describe_version(version)
    names = dict.fromkeys(variant.target for variant in shown.variants)
    return VersionPage(shown, [TargetRow(name, _find(name), _list_attempts(shown, name)) for name in names])


def _list_attempts(shown: VersionDetails, target: str) -> list[VariantDetails]:
    attempts = [variant for variant in shown.variants if variant.target == target]
    return sorted(attempts, key=lambda attempt: not attempt.is_default)


def _find(name: str) -> HardwareTarget | None:
    try:
        return get_target(name)
    except UnknownTarget:
        return None
