"""A version with its variants and the progress of the work, as pages and answers show it. Makes no queries of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from registry.compression.child_tasks.messages import CalibrationSummary
from registry.compression.evaluation.results import ClassAccuracy, Metric
from registry.compression.recipes import RECIPES
from registry.compression.tensor_specs import TensorBody
from registry.models import Job, ModelVersion, Variant
from registry.offers import queries as offers
from registry.states import (
    OFFERABLE_VARIANTS,
    UNFINISHED_VARIANTS,
    UNVERIFIED,
    VERIFIED,
    BuildStatus,
    JobKind,
    JobStatus,
    VariantStatus,
    VersionStatus,
)
from registry.versions.build_details import BuildDetails, describe_builds, summarize


@dataclass(frozen=True, slots=True)
class ShownMeasurements:
    """The measurements that are shown; the row and the manifest have more."""

    agreement: float | None = None
    sqnr_db: float | None = None
    accuracy_before: float | None = None
    accuracy_after: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    inferences_per_second: float | None = None
    source_latency_p50_ms: float | None = None
    # Of the source ÷ of the variant, in the same rounds.
    speed_ratio: float | None = None
    peak_memory_bytes: float | None = None
    source_peak_memory_bytes: float | None = None
    seconds: float | None = None
    # The task's own metric: its name, its value, and the value that the gate wants.
    metric: Metric | None = None
    # The samples that judged, and how many inferences these were.
    parity_on: str | None = None
    parity_samples: int | None = None
    accuracy_per_class: Mapping[str, ClassAccuracy] | None = None


_SHOWN = tuple(field.name for field in fields(ShownMeasurements))


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDetails:
    """One attempt of one recipe for a target, or one that is still to come: then only target and status are known."""

    target: str
    status: VariantStatus
    # None while the variant is still to come.
    id: int | None = None
    preset: str | None = None
    is_default: bool = False
    reason: str | None = None
    recipe: str | None = None
    format: str | None = None
    sha256: str | None = None
    size: int | None = None
    size_ratio: float | None = None
    measured_on: str | None = None
    warnings: list[str] = field(default_factory=list)
    measurements: ShownMeasurements = ShownMeasurements()

    @property
    def is_ready(self) -> bool:
        """Whether the variant can be offered."""
        return self.status == VariantStatus.READY

    @property
    def is_open(self) -> bool:
        """Whether the variant is still to be built."""
        return self.status in UNFINISHED_VARIANTS

    @property
    def is_suspect(self) -> bool:
        """Whether a person has to vouch for the calibration first."""
        return self.status == VariantStatus.SUSPECT_CALIBRATION

    @property
    def can_be_offered(self) -> bool:
        """Whether a person may offer the variant to devices."""
        return self.status in OFFERABLE_VARIANTS

    @property
    def is_measured(self) -> bool:
        """Whether there is a file with numbers, whatever became of it."""
        return self.size is not None

    @property
    def recipe_title(self) -> str:
        """What the recipe does, in words."""
        recipe = RECIPES.get(self.recipe or "")
        return recipe.title if recipe else self.recipe or ""

    @property
    def was_passed_over(self) -> bool:
        """Whether the recipe does not apply to the model."""
        return self.status == VariantStatus.NOT_APPLICABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDetails:
    """The Version of the wire contract (docs/wire-format.md, *Version*)."""

    model: str
    number: str
    status: VersionStatus
    status_message: str
    # One sentence on the work that is left; empty when there is none.
    progress: str
    # How each requested target stands.
    build: Mapping[str, BuildStatus]
    builds: list[BuildDetails]
    sha256: str
    size: int
    inputs: list[TensorBody]
    outputs: list[TensorBody]
    targets: list[str]
    metadata: Mapping[str, Any]
    description: str
    tags: list[str]
    links: list[dict[str, str]]
    metrics: Mapping[str, float]
    task: Mapping[str, Any]
    preset: str
    budget: object
    has_calibration: bool
    has_evaluation: bool
    created_at: datetime
    created_by: str
    ready_at: datetime | None
    quarantined_at: datetime | None
    quarantine_reason: str
    variants: list[VariantDetails]
    # What the intake found in the calibration file; None where there is none, or where the intake has not ended.
    sample_facts: CalibrationSummary | None = None
    # Sentences of the intake on the uploaded file and its samples.
    intake_warnings: list[str] = field(default_factory=list)
    # The fields of the upload that just led here and that did not change the version.
    ignored: list[str] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether the version is built."""
        return self.status == VersionStatus.READY

    @property
    def is_rejected(self) -> bool:
        """Whether the version was refused for good."""
        return self.status == VersionStatus.REJECTED

    @property
    def is_offerable(self) -> bool:
        """Whether devices may be sent here."""
        return self.is_ready and self.quarantined_at is None

    @property
    def takes_targets(self) -> bool:
        """Whether more targets can be asked for."""
        return self.status in UNVERIFIED | VERIFIED


def describe_version(version: ModelVersion) -> VersionDetails:
    """Describe a row that ``registry.versions.queries.with_variants`` prepared."""
    newest_jobs: list[Job] = version.newest_jobs  # type: ignore[attr-defined]  # prefetched under this name
    open_jobs = [job for job in newest_jobs if job.is_open]
    builds = describe_builds(version, newest_jobs)
    return VersionDetails(
        model=version.model.slug,
        number=version.number,
        status=VersionStatus(version.status),
        status_message=version.status_message,
        progress=describe_progress(version, open_jobs),
        build=summarize(version, builds),
        builds=builds,
        sha256=version.source_id,
        size=version.source.size,
        inputs=version.inputs,
        outputs=version.outputs,
        targets=version.targets,
        metadata=version.metadata,
        description=version.description,
        tags=version.tags,
        links=version.links,
        metrics=version.metrics,
        task=_describe_task(version),
        preset=version.preset,
        budget=version.budget,
        has_calibration=version.calibration_id is not None,
        has_evaluation=version.evaluation_id is not None,
        created_at=version.created_at,
        created_by=version.created_by,
        ready_at=version.ready_at,
        quarantined_at=version.quarantined_at,
        quarantine_reason=version.quarantine_reason,
        variants=_describe_variants(version, open_jobs),
        sample_facts=version.sample_facts,  # type: ignore[attr-defined]  # annotated under this name
        intake_warnings=version.intake_warnings or [],  # type: ignore[attr-defined]  # annotated under this name
    )


def describe_progress(version: ModelVersion, open_jobs: Sequence[Job]) -> str:
    """Return one sentence on the work that is left; empty when there is none."""
    if not open_jobs:
        return ""
    running = next((job for job in open_jobs if job.status == JobStatus.RUNNING), None)
    waiting = next((job.progress for job in open_jobs if job.progress), "")
    builds = {job.target for job in open_jobs if job.kind == JobKind.BUILD}
    if not builds:
        return running.progress if running else waiting or "Waiting for a builder to check the upload."
    done = f"{len(version.targets) - len(builds)} of {len(version.targets)} targets done."
    if running:
        return f"{done} {running.target}: {running.progress}"
    return f"{done} {waiting or 'Waiting for a builder.'}"


def _describe_task(version: ModelVersion) -> Mapping[str, Any]:
    """Return the task as the intake understood it; what a person said, where the intake has not ended."""
    guessed: Mapping[str, Any] | None = version.guessed_task  # type: ignore[attr-defined]  # annotated under this name
    said = version.metadata.get("task")
    return guessed or (said if isinstance(said, dict) else {})


def _describe_variants(version: ModelVersion, open_jobs: Sequence[Job]) -> list[VariantDetails]:
    rows = sorted(version.variants.all(), key=lambda row: (row.rank, row.pk))
    asked = version.targets
    # Targets that nobody asks for any more come last: their variants were built, and devices may run them.
    targets = [*asked, *sorted({row.target for row in rows} - set(asked))]
    return [variant for target in targets for variant in _describe_target(version, target, rows, open_jobs)]


def _describe_target(
    version: ModelVersion, target: str, rows: Sequence[Variant], open_jobs: Sequence[Job]
) -> Iterator[VariantDetails]:
    attempts = [row for row in rows if row.target == target]
    default = _find_default(version, target, rows)
    for row in attempts:
        yield _describe_attempt(row, is_default=row.pk == default, source_size=version.source.size)
    job = next((job for job in open_jobs if job.target == target), None)
    if job is not None:
        is_running = job.status == JobStatus.RUNNING
        yield VariantDetails(target=target, status=VariantStatus.BUILDING if is_running else VariantStatus.QUEUED)
    elif not attempts and version.status in UNVERIFIED:
        yield VariantDetails(target=target, status=VariantStatus.QUEUED)


def _find_default(version: ModelVersion, target: str, rows: Sequence[Variant]) -> int | None:
    """Return the id of the variant that devices of the target are offered, or would be by the next act."""
    fixed = next((offer for offer in version.offers.all() if offer.target == target), None)
    if fixed is not None:
        return next(iter(fixed.variant_ids), None)
    chosen = offers.choose(rows, target=target, preset=version.preset)
    return chosen[0].pk if chosen else None


def _describe_attempt(row: Variant, *, is_default: bool, source_size: int) -> VariantDetails:
    return VariantDetails(
        id=row.pk,
        target=row.target,
        status=VariantStatus(row.status),
        preset=row.preset,
        is_default=is_default,
        reason=row.reason,
        recipe=row.recipe,
        format=row.format or None,
        sha256=row.file_id,
        size=row.file.size if row.file else row.measurements.get("size"),
        size_ratio=source_size / row.file.size if row.file else row.measurements.get("size_ratio"),
        measured_on=row.measured_on or None,
        warnings=row.warnings,
        measurements=ShownMeasurements(**{name: row.measurements.get(name) for name in _SHOWN}),
    )
