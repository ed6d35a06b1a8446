"""What the registry answers with; also what the OpenAPI schema says."""

from typing import Any

from rest_framework import serializers

from registry.models import Channel, RegisteredModel
from registry.states import VariantStatus, VersionStatus
from registry.versions.details import MEASUREMENTS

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "status".
VERSION_STATUSES = [status.value for status in VersionStatus]
VARIANT_STATUSES = [status.value for status in VariantStatus]


class ModelShape(serializers.Serializer[Any]):
    """A registered model."""

    model = serializers.CharField(source="slug")
    description = serializers.CharField()
    versions = serializers.IntegerField(source="version_count")
    ready_versions = serializers.IntegerField(source="ready_count")
    created_at = serializers.DateTimeField()


class TensorShape(serializers.Serializer[Any]):
    """An input or output; a free extent is named instead of numbered."""

    name = serializers.CharField()
    dtype = serializers.CharField()
    shape = serializers.JSONField()


class MeasurementsShape(serializers.Serializer[Any]):
    """A variant measured against its source in the same run."""

    def get_fields(self) -> dict[str, Any]:
        """Return one nullable number per measurement."""
        return {name: serializers.FloatField(allow_null=True) for name in MEASUREMENTS}


class VariantShape(serializers.Serializer[Any]):
    """One attempt of one recipe for one target, or one that is still to come."""

    target = serializers.CharField()
    status = serializers.ChoiceField(choices=VARIANT_STATUSES)
    reason = serializers.CharField(allow_null=True)
    is_default = serializers.BooleanField()
    recipe = serializers.CharField(allow_null=True)
    format = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    size_ratio = serializers.FloatField(allow_null=True)
    measured_on = serializers.CharField(allow_null=True)
    measurements = MeasurementsShape()


class VersionShape(serializers.Serializer[Any]):
    """A version with all its variants."""

    model = serializers.CharField()
    version = serializers.CharField()
    status = serializers.ChoiceField(choices=VERSION_STATUSES)
    status_message = serializers.CharField()
    progress = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    inputs = TensorShape(many=True)
    outputs = TensorShape(many=True)
    targets = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()
    has_calibration = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    ready_at = serializers.DateTimeField(allow_null=True)
    quarantined_at = serializers.DateTimeField(allow_null=True)
    quarantine_reason = serializers.CharField()
    variants = VariantShape(many=True)


class ChannelShape(serializers.Serializer[Any]):
    """What a channel points to, or pointed to at a time."""

    model = serializers.CharField()
    channel = serializers.CharField()
    version = serializers.CharField()
    policy = serializers.DictField()
    revision = serializers.IntegerField()
    release_counter = serializers.IntegerField()
    since = serializers.DateTimeField()


class TargetShape(serializers.Serializer[Any]):
    """A hardware target."""

    target = serializers.CharField(source="name")
    title = serializers.CharField()
    summary = serializers.CharField()
    architecture = serializers.CharField()
    runtime = serializers.CharField()
    providers = serializers.ListField(child=serializers.CharField())
    recipes = serializers.SerializerMethodField()
    fallback = serializers.CharField(allow_null=True)
    latency_budget_ms = serializers.FloatField()
    max_size_bytes = serializers.IntegerField(allow_null=True)
    ram_bytes = serializers.IntegerField()

    def get_recipes(self, target: Any) -> list[str]:
        """Return the names of the chain, in order of preference."""
        return [step.recipe for step in target.chain]


class RecipeShape(serializers.Serializer[Any]):
    """A compression recipe that this release builds."""

    recipe = serializers.CharField(source="name")
    title = serializers.CharField()
    gate = serializers.CharField()
    tools = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField()


class SigningKeyShape(serializers.Serializer[Any]):
    """A public key that verifies what this installation signs."""

    id = serializers.CharField(source="key_id")
    pem = serializers.CharField()
    status = serializers.ChoiceField(choices=["current", "retired"])


class SigningKeysShape(serializers.Serializer[Any]):
    """All keys, the current one first."""

    keys = SigningKeyShape(many=True)


def render_model(model: RegisteredModel) -> object:
    """Render a row of ``registry.versions.queries.list_models``."""
    return ModelShape(model).data


def render_channel(channel: Channel) -> dict[str, Any]:
    """Render a channel as it is now."""
    shown = {
        "model": channel.model.slug,
        "channel": channel.name,
        "version": channel.version.number,
        "policy": channel.policy,
        "revision": channel.revision,
        "release_counter": channel.release_counter,
        "since": channel.updated_at,
    }
    return dict(ChannelShape(shown).data)
