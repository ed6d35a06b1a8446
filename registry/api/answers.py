"""What the registry answers: each class describes an answer for OpenAPI and renders it."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from core.api.answers import Answer, TimeField
from registry.channels import Pointing
from registry.compression.recipes import Recipe
from registry.compression.targets import HardwareTarget
from registry.compression.tensor_specs import TensorBody
from registry.manifests.signing_keys import KeyStatus, PublicKey
from registry.models import Job, RegisteredModel
from registry.states import BuildStatus, JobKind, VariantStatus, VersionStatus
from registry.versions.build_details import BuildDetails
from registry.versions.details import ShownMeasurements, VariantDetails, VersionDetails

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "status".
VERSION_STATUSES = [status.value for status in VersionStatus]
VARIANT_STATUSES = [status.value for status in VariantStatus]
BUILD_STATUSES = [status.value for status in BuildStatus]

SEARCH_PARAMETERS = [
    OpenApiParameter("q", str),
    OpenApiParameter("tag", str),
    OpenApiParameter("status", str, enum=VERSION_STATUSES),
    OpenApiParameter("target", str),
]


class ModelAnswer(Answer[RegisteredModel]):
    """A registered model; a row of ``registry.versions.queries.list_models``."""

    model = serializers.CharField(source="slug")
    description = serializers.CharField()
    versions = serializers.IntegerField(source="version_count")
    ready_versions = serializers.IntegerField(source="ready_count")
    created_at = TimeField()


class TensorAnswer(Answer[TensorBody]):
    """An input or output; a free extent is named instead of numbered."""

    name = serializers.CharField()
    dtype = serializers.CharField()
    shape = serializers.JSONField()


class MetricAnswer(Answer[dict[str, object]]):
    """The metric of the model's task, with the value that its gate wants."""

    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    wanted = serializers.FloatField(allow_null=True)


class ClassAccuracyAnswer(Answer[dict[str, object]]):
    """The accuracy on the samples of one class, of the source and of the variant."""

    samples = serializers.IntegerField()
    before = serializers.FloatField()
    after = serializers.FloatField()


class MeasurementsAnswer(Answer[ShownMeasurements]):
    """A variant measured against its source in the same run."""

    agreement = serializers.FloatField(allow_null=True)
    sqnr_db = serializers.FloatField(allow_null=True)
    accuracy_before = serializers.FloatField(allow_null=True)
    accuracy_after = serializers.FloatField(allow_null=True)
    latency_p50_ms = serializers.FloatField(allow_null=True)
    latency_p95_ms = serializers.FloatField(allow_null=True)
    latency_p99_ms = serializers.FloatField(allow_null=True)
    inferences_per_second = serializers.FloatField(allow_null=True)
    source_latency_p50_ms = serializers.FloatField(allow_null=True)
    speed_ratio = serializers.FloatField(allow_null=True)
    peak_memory_bytes = serializers.FloatField(allow_null=True)
    source_peak_memory_bytes = serializers.FloatField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    metric = MetricAnswer(allow_null=True)
    # The samples that judged: ``evaluation``, ``held_out`` of calibration, or ``random``.
    judged_on = serializers.CharField(source="parity_on", allow_null=True)
    judged_samples = serializers.IntegerField(source="parity_samples", allow_null=True)
    accuracy_per_class = serializers.DictField(child=ClassAccuracyAnswer(), allow_null=True)


class VariantAnswer(Answer[VariantDetails]):
    """One attempt of one recipe for one target, or one that is still to come."""

    id = serializers.IntegerField(allow_null=True)
    target = serializers.CharField()
    preset = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=VARIANT_STATUSES)
    reason = serializers.CharField(allow_null=True)
    is_default = serializers.BooleanField()
    recipe = serializers.CharField(allow_null=True)
    format = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    size_ratio = serializers.FloatField(allow_null=True)
    measured_on = serializers.CharField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    measurements = MeasurementsAnswer()


class LinkAnswer(Answer[dict[str, str]]):
    """A link of a version's card."""

    title = serializers.CharField()
    url = serializers.CharField()


class BuildAnswer(Answer[BuildDetails]):
    """The last work on one target and preset, or on the check of the upload, which has no target."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in JobKind])
    target = serializers.CharField(allow_null=True)
    preset = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=BUILD_STATUSES)
    step = serializers.CharField()
    percent = serializers.IntegerField(allow_null=True)
    attempts = serializers.IntegerField()


class BuildLogAnswer(Answer[Job]):
    """What happened to a build, line by line; of a long log, the newest lines."""

    id = serializers.IntegerField()
    lines = serializers.ListField(child=serializers.CharField(), source="log_lines")


class VersionAnswer(Answer[VersionDetails]):
    """A version with all its variants."""

    model = serializers.CharField()
    version = serializers.CharField(source="number")
    status = serializers.ChoiceField(choices=VERSION_STATUSES)
    status_message = serializers.CharField()
    progress = serializers.CharField()
    build = serializers.DictField(child=serializers.ChoiceField(choices=BUILD_STATUSES))
    builds = BuildAnswer(many=True)
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    inputs = TensorAnswer(many=True)
    outputs = TensorAnswer(many=True)
    targets = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    links = LinkAnswer(many=True)
    metrics = serializers.DictField(child=serializers.FloatField())
    task = serializers.DictField()
    preset = serializers.CharField()
    budget = serializers.DictField()
    has_calibration = serializers.BooleanField()
    has_evaluation = serializers.BooleanField()
    created_at = TimeField()
    created_by = serializers.CharField()
    ready_at = TimeField(allow_null=True)
    quarantined_at = TimeField(allow_null=True)
    quarantine_reason = serializers.CharField()
    variants = VariantAnswer(many=True)


class UploadAnswer(VersionAnswer):
    """The version that an upload led to."""

    # The fields of the upload that differ from a version that exists, and did not change it.
    ignored = serializers.ListField(child=serializers.CharField())


class ChannelAnswer(Answer[Pointing]):
    """The version of a channel, now or at a time."""

    model = serializers.CharField(source="channel.model.slug")
    channel = serializers.CharField(source="channel.name")
    version = serializers.CharField(source="version_number")
    policy = serializers.DictField()
    revision = serializers.IntegerField()
    release_counter = serializers.IntegerField()
    since = TimeField()


class TargetAnswer(Answer[HardwareTarget]):
    """A hardware target."""

    target = serializers.CharField(source="name")
    title = serializers.CharField()
    summary = serializers.CharField()
    architecture = serializers.CharField()
    runtime = serializers.CharField()
    providers = serializers.ListField(child=serializers.CharField())
    # The chain, in order of preference.
    recipes = serializers.ListField(child=serializers.CharField(), read_only=True)
    fallback = serializers.CharField(allow_null=True)
    latency_budget_ms = serializers.FloatField()
    max_size_bytes = serializers.IntegerField(allow_null=True)
    ram_bytes = serializers.IntegerField()


class RecipeAnswer(Answer[Recipe]):
    """A compression recipe that this release builds."""

    recipe = serializers.CharField(source="name")
    title = serializers.CharField()
    gate = serializers.CharField()
    tools = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField()


class SigningKeyAnswer(Answer[PublicKey]):
    """A public key that verifies what this installation signs."""

    id = serializers.CharField(source="key_id")
    pem = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in KeyStatus])


class SigningKeysAnswer(Answer[dict[str, list[PublicKey]]]):
    """All keys, the current one first."""

    keys = SigningKeyAnswer(many=True)
