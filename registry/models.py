"""The rows of the registry: models, versions, variants, blobs, channels, baselines, and the jobs that build them."""

import uuid
from collections.abc import Iterable
from enum import StrEnum

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from registry.states import OPEN_JOBS, VARIANT_OUTCOMES, JobKind, JobStatus, VariantStatus, VersionStatus


def _choices(states: Iterable[StrEnum]) -> list[tuple[str, str]]:
    return [(state.value, state.value.replace("_", " ").title()) for state in states]


class Blob(models.Model):
    """One immutable content in the object store. Any number of rows may point at it."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.size} bytes)"


class RegisteredModel(models.Model):
    """A model, known by its slug. Devices run its versions."""

    slug = models.CharField(max_length=64, unique=True)
    description = models.TextField(blank=True)
    # One sequence per model. Every act that changes the version of a device takes the next number (docs/wire-format.md).
    release_counter = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["slug"]
        verbose_name = "model"
        constraints = [models.CheckConstraint(name="latest_is_reserved", condition=~Q(slug="latest"))]

    def __str__(self) -> str:
        return self.slug


class ModelVersion(models.Model):
    """One uploaded source model under a semantic version; immutable once READY."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    number = models.CharField(max_length=100)
    status = models.CharField(max_length=12, choices=_choices(VersionStatus), default=VersionStatus.VERIFYING)
    status_message = models.TextField(blank=True)
    source = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    calibration = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    # Samples that judge the variants. Ranges never come from these.
    evaluation = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    # Names of the hardware targets, in the order in which they were asked for.
    targets = models.JSONField(default=list)
    preset = models.CharField(max_length=16, default="balanced")
    # The limits that a person set (docs/wire-format.md, *Budget*). They go before those of the preset.
    budget = models.JSONField(default=dict)
    # The source after the intake: without metadata, with an operator set that is new enough. Recipes read this one.
    cleaned = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    inspection = models.JSONField(default=dict)
    inputs = models.JSONField(default=list)
    outputs = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    # The card: what people write about the version. It may change at any time, and no manifest carries it.
    description = models.TextField(blank=True)
    tags = models.JSONField(default=list)
    links = models.JSONField(default=list)
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)
    # What the version has taken of the builders' time, over all recipes and targets, since a person last asked for a build.
    builder_seconds = models.FloatField(default=0)
    # The recipes that crossed a limit of time, by digest, each with the sentence that the other targets show.
    slow_recipes = models.JSONField(default=dict)
    ready_at = models.DateTimeField(null=True)
    # Set by a roll-back. The version is never offered again.
    quarantined_at = models.DateTimeField(null=True)
    quarantine_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "version"
        indexes = [
            # Pages of a model's versions, the newest first, all and by state; counts by state read no row.
            models.Index(name="versions_of_a_model", fields=["model", "-id"]),
            models.Index(name="versions_of_a_model_by_status", fields=["model", "status", "-id"]),
            GinIndex(name="versions_by_tag", fields=["tags"], opclasses=["jsonb_path_ops"]),
        ]
        constraints = [
            models.UniqueConstraint(name="a_version_number_is_used_once_per_model", fields=["model", "number"]),
            models.CheckConstraint(
                name="version_has_a_known_status", condition=Q(status__in=[status.value for status in VersionStatus])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.slug} {self.number}"

    @property
    def is_offerable(self) -> bool:
        """Whether devices may be sent here: READY and not quarantined."""
        return self.status == VersionStatus.READY and self.quarantined_at is None


class Variant(models.Model):
    """One attempt of one recipe for one hardware target; READY ones have exactly one file, a manifest and a signature."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="variants")
    target = models.CharField(max_length=64)
    preset = models.CharField(max_length=16, default="balanced")
    recipe = models.CharField(max_length=64)
    # The place in the target's chain of recipes. The READY variant with the lowest rank is the default.
    rank = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=24, choices=_choices(VARIANT_OUTCOMES))
    reason = models.TextField(blank=True)
    # Sentences with numbers, for people: what the measurements do not show, and what would make the variant better.
    warnings = models.JSONField(default=list)
    recipe_digest = models.CharField(max_length=64)
    format = models.CharField(max_length=16, blank=True)
    filename = models.CharField(max_length=128, blank=True)
    file = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    # Schema 1, where that schema can express the variant; agents before 0.2.0 read no other.
    manifest = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    signature = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    manifest_schema_2 = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    signature_schema_2 = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    measurements = models.JSONField(default=dict)
    measured_on = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["target", "rank"]
        constraints = [
            models.UniqueConstraint(
                name="one_variant_per_target_preset_and_recipe_digest",
                fields=["version", "target", "preset", "recipe_digest"],
            ),
            models.CheckConstraint(
                name="a_ready_variant_has_file_manifest_and_signature",
                condition=~Q(status=VariantStatus.READY)
                | Q(file__isnull=False, manifest__isnull=False, signature__isnull=False)
                | Q(file__isnull=False, manifest_schema_2__isnull=False, signature_schema_2__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} for {self.target} by {self.recipe}"

    @property
    def has_signed_file(self) -> bool:
        """Whether devices can be given the variant: its file, and a manifest of either schema with a signature."""
        return self.file_id is not None and (
            None not in {self.manifest_id, self.signature_id}
            or None not in {self.manifest_schema_2_id, self.signature_schema_2_id}
        )


class Offer(models.Model):
    """What devices of a target are offered of a version: variants in order, fixed by an act and changed by acts only."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="offers")
    target = models.CharField(max_length=64)
    # Ids of variants. A device is given the first that it can run.
    variant_ids = models.JSONField()
    # The number of the act that fixed or last changed the order; 0 where the migration fixed what was offered before.
    release_counter = models.BigIntegerField(default=0)
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["target"]
        constraints = [models.UniqueConstraint(name="one_offer_per_version_and_target", fields=["version", "target"])]

    def __str__(self) -> str:
        return f"{self.version} for {self.target}"


class CachedBuild(models.Model):
    """What a recipe made of a source and its samples, so that the same work is not done twice."""

    # SHA-256 over everything that decides the result (``registry.builder.build_cache``).
    key = models.CharField(max_length=64, primary_key=True)
    # None where the recipe does not apply.
    file = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    answer = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key[:12]


class Job(models.Model):
    """Work on a version, claimed by conditional UPDATE under a lease. The row is the truth, a Celery message only a hint."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=8, choices=_choices(JobKind))
    target = models.CharField(max_length=64, blank=True)
    preset = models.CharField(max_length=16, blank=True)
    # Whether every recipe that applies is built for comparison, not only the chain up to its first success.
    builds_all_recipes = models.BooleanField(default=False)
    status = models.CharField(max_length=8, choices=_choices(JobStatus), default=JobStatus.QUEUED)
    # A sentence for people: what the worker does, or why the job waits for another try.
    progress = models.CharField(max_length=300, blank=True)
    # The part of the current step that is done, 0 to 100; None where the step cannot tell.
    percent = models.PositiveSmallIntegerField(null=True)
    # A person asked for the end of the job.
    cancelled_at = models.DateTimeField(null=True)
    # Steps, times and refusals, for people; the newest lines of a long one.
    log = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    # How many attempts ended in an error of our own code. Trouble of the store, the disk or the database does not count.
    faults = models.PositiveIntegerField(default=0)
    # How many attempts ended because the worker was killed.
    lost_workers = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    # The job is not claimed before this time: after trouble of the host, retries back off.
    due_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_job_per_version_kind_target_and_preset",
                fields=["version", "kind", "target", "preset"],
                condition=~Q(status=JobStatus.DONE),
            ),
        ]
        indexes = [models.Index(name="open_jobs_by_due_time", fields=["due_at"], condition=~Q(status=JobStatus.DONE))]

    def __str__(self) -> str:
        return f"{self.kind} {self.version} {self.target}".strip()

    @property
    def is_open(self) -> bool:
        """Whether a worker does the job, or will without a person's help."""
        return self.status in OPEN_JOBS

    @property
    def log_lines(self) -> list[str]:
        """The log, line by line."""
        return self.log.splitlines()


class Channel(models.Model):
    """A named pointer from a model to a version. It moves by compare-and-swap on ``revision``."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="channels")
    name = models.CharField(max_length=64)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    policy = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(default=1)
    release_counter = models.BigIntegerField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(name="a_channel_name_is_used_once_per_model", fields=["model", "name"])]

    def __str__(self) -> str:
        return f"{self.model.slug}/{self.name}"


class ChannelMove(models.Model):
    """One move of a channel. All moves together say which version was live at a time."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="moves")
    # The history keeps the number when the version itself is deleted.
    version = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    version_number = models.CharField(max_length=100)
    policy = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=200)
    revision = models.PositiveIntegerField()
    release_counter = models.BigIntegerField()

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(name="one_move_per_revision", fields=["channel", "revision"])]

    def __str__(self) -> str:
        return f"{self.channel} → {self.version_number} at {self.at}"


class Baseline(models.Model):
    """The normal output of a version, as counts in fixed bins. The newest baseline is in force."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="baselines")
    source = models.CharField(max_length=10, choices=[("upload", "upload"), ("telemetry", "telemetry")])
    # The manifests carry this one. A READY version never changes, even when another baseline comes into force.
    came_with_version = models.BooleanField(default=False)
    samples = models.BigIntegerField()
    statistics = models.JSONField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)

    class Meta:
        ordering = ["-created_at"]
        get_latest_by = "created_at"
        constraints = [
            models.CheckConstraint(name="a_baseline_has_samples", condition=Q(samples__gt=0)),
            models.UniqueConstraint(
                name="one_baseline_comes_with_a_version", fields=["version"], condition=Q(came_with_version=True)
            ),
        ]

    def __str__(self) -> str:
        return f"baseline of {self.version} ({self.samples} samples)"


def next_release_counter(model_id: int) -> int:
    """Take the next number of the model's sequence of acts; the lock on the row orders concurrent acts."""
    RegisteredModel.objects.filter(pk=model_id).update(release_counter=F("release_counter") + 1)
    return RegisteredModel.objects.values_list("release_counter", flat=True).get(pk=model_id)
