"""Everything that the page of a version shows: its builds and variants by target, and which targets get the same file."""

from dataclasses import dataclass, field
from functools import cached_property

from console.bubbles import BubbleChart
from registry.compression.targets import HardwareTarget, UnknownTarget, get_target, load_targets
from registry.compression.targets.presets import list_built
from registry.models import ModelVersion
from registry.states import VERIFIED, BuildStatus
from registry.versions.build_details import BuildDetails
from registry.versions.details import VariantDetails, VersionDetails, describe_version
from registry.web import target_notes, variant_chart
from registry.web.target_notes import Warned

_OVER = frozenset({BuildStatus.READY})


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One hardware target: its builds, the variant that its devices are offered first, then the other attempts."""

    name: str
    target: HardwareTarget | None
    attempts: list[VariantDetails]
    builds: list[BuildDetails]
    advice: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The target's title; its name where the target is no longer built in."""
        return self.target.title if self.target else self.name

    @property
    def offered(self) -> VariantDetails | None:
        """The variant that its devices get; None while there is none."""
        return next((attempt for attempt in self.attempts if attempt.is_default), None)

    @property
    def measured(self) -> list[VariantDetails]:
        """The attempts that made a file, for the comparison."""
        return [attempt for attempt in self.attempts if attempt.is_measured]

    @property
    def without_file(self) -> list[VariantDetails]:
        """The attempts that ended without a file, each with its reason."""
        return [attempt for attempt in self.attempts if not attempt.is_measured and not attempt.is_open]

    @property
    def keyed(self) -> list[tuple[str, VariantDetails]]:
        """The attempts that made a file, each with its letter in the chart; without a letter where there is no chart."""
        keys = variant_chart.name_keys(self.measured) if self.chart else {}
        return [(keys.get(attempt.id or 0, ""), attempt) for attempt in self.measured]

    @property
    def chart(self) -> BubbleChart | None:
        """Size, quality and latency of these attempts; None where there is nothing to compare."""
        return variant_chart.draw(self.measured, keys=variant_chart.name_keys(self.measured))

    @property
    def warnings(self) -> list[Warned]:
        """What a reader of the numbers should know."""
        return target_notes.list_warnings(self.attempts)

    @property
    def is_open(self) -> bool:
        """Whether a variant is still to be built."""
        return any(attempt.is_open for attempt in self.attempts)

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is known yet but that the target is to be built."""
        return not self.measured and not self.without_file

    @property
    def shown_builds(self) -> list[BuildDetails]:
        """The builds whose state says more than the table of variants does."""
        return [build for build in self.builds if build.status not in _OVER]


@dataclass(frozen=True, slots=True)
class SameFile:
    """The targets that get one file."""

    variant: VariantDetails
    rows: list[TargetRow]


@dataclass(frozen=True)
class VersionPage:
    """The version with its targets."""

    version: VersionDetails
    rows: list[TargetRow]

    @property
    def checks(self) -> list[BuildDetails]:
        """The check of the upload, until it is over."""
        return [build for build in self.version.builds if build.target is None]

    @property
    def done_count(self) -> int:
        """How many targets have nothing left to build."""
        return sum(not row.is_open for row in self.rows)

    @property
    def done_ratio(self) -> float:
        """The part of the targets that have nothing left to build."""
        return self.done_count / len(self.rows) if self.rows else 0.0

    @cached_property
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
    def takes_builds(self) -> bool:
        """Whether its targets can be built again."""
        return self.version.status in VERIFIED

    @property
    def takes_retries(self) -> bool:
        """Whether a stopped or failed build can be tried again."""
        return self.version.takes_targets

    @property
    def more_targets(self) -> list[HardwareTarget]:
        """The targets that nobody asked for yet."""
        return [target for name, target in load_targets().items() if name not in self.version.targets]

    @property
    def presets(self) -> list[str]:
        """The presets that a target can be built by, the version's own first."""
        return sorted(list_built(), key=lambda name: name != self.version.preset)


def describe(version: ModelVersion) -> VersionPage:
    """Describe a row that ``registry.versions.queries.with_variants`` prepared."""
    shown = describe_version(version)
    known = [variant.target for variant in shown.variants] + [build.target for build in shown.builds if build.target]
    return VersionPage(shown, [_describe_target(shown, name) for name in dict.fromkeys(known)])


def _describe_target(shown: VersionDetails, name: str) -> TargetRow:
    attempts = sorted(
        (variant for variant in shown.variants if variant.target == name), key=lambda attempt: not attempt.is_default
    )
    target = _find(name)
    return TargetRow(
        name=name,
        target=target,
        attempts=attempts,
        builds=[build for build in shown.builds if build.target == name],
        advice=target_notes.list_advice(shown, attempts),
        limits=target_notes.list_limits(shown, target) if target else [],
    )


def _find(name: str) -> HardwareTarget | None:
    try:
        return get_target(name)
    except UnknownTarget:
        return None
