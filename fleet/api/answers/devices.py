"""Devices and enrollment keys, as operators get them."""

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from core.api.answers import Answer, OptionalTextField, TimeField
from fleet.models import Deployment, Device, EnrollmentKey, Pin, Subscription
from fleet.polls.resolving import Candidate, Decision
from fleet.states import DeploymentState, DeviceState, EnrollmentMode

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "state".
DEVICE_STATES = [state.value for state in DeviceState]
DEPLOYMENT_STATES = [state.value for state in DeploymentState]


class FollowAnswer(Answer[dict[str, str]]):
    """A channel of a model that devices of a key follow."""

    model = serializers.CharField()
    channel = serializers.CharField()


class EnrollmentKeyAnswer(Answer[EnrollmentKey]):
    """An enrollment key, without its secret."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=[mode.value for mode in EnrollmentMode])
    max_uses = serializers.IntegerField()
    uses = serializers.IntegerField()
    expires_at = TimeField()
    target = OptionalTextField()
    labels = serializers.DictField(child=serializers.CharField())
    subscriptions = FollowAnswer(many=True)
    created_at = TimeField()
    created_by = serializers.CharField()
    revoked_at = TimeField(allow_null=True)


class NewEnrollmentKeyAnswer(EnrollmentKeyAnswer):
    """The same with the key itself, which is shown this once."""

    key = serializers.CharField()

    @classmethod
    def with_secret(cls, key: EnrollmentKey, *, secret: str) -> dict[str, Any]:
        """Return a new key with its secret."""
        return {**EnrollmentKeyAnswer.of(key), "key": secret}


class SubscriptionAnswer(Answer[Subscription]):
    """A channel of a model that a device follows."""

    model = serializers.CharField(source="model_slug")
    channel = serializers.CharField(source="channel_name")


class PinAnswer(Answer[Pin]):
    """A version that a device is held at."""

    model = serializers.CharField(source="model.slug")
    version = serializers.CharField(source="version.number")


class RunningAnswer(Answer[dict[str, str]]):
    """A model that a device says it runs."""

    model = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField()


class DeploymentAnswer(Answer[Deployment]):
    """A device's attempt at one variant."""

    attempt_id = serializers.UUIDField(source="pk")
    model = serializers.CharField(source="model.slug")
    version = serializers.CharField(source="version.number")
    state = serializers.ChoiceField(choices=DEPLOYMENT_STATES)
    failure_class = OptionalTextField()
    detail = serializers.DictField()
    active_providers = serializers.ListField(child=serializers.CharField())
    rollout_id = serializers.UUIDField(allow_null=True)
    release_counter = serializers.IntegerField()
    offered_at = TimeField()
    updated_at = TimeField()


class DeviceAnswer(Answer[Device]):
    """A device that ``fleet.devices.queries.with_status`` has read, with its newest attempt at each model."""

    device_id = serializers.CharField()
    target = serializers.CharField()
    state = serializers.ChoiceField(choices=DEVICE_STATES)
    labels = serializers.DictField(child=serializers.CharField())
    subscriptions = SubscriptionAnswer(many=True)
    pins = PinAnswer(many=True)
    agent_version = serializers.CharField()
    running = RunningAnswer(many=True)
    deployments = DeploymentAnswer(many=True, source="newest_deployments")
    capabilities = serializers.DictField()
    resources = serializers.DictField()
    clock_offset_s = serializers.FloatField(allow_null=True, source="clock_offset_seconds")
    enrolled_at = TimeField()
    last_seen_at = TimeField(allow_null=True)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A device's new token."""

    device_id: str
    token: str


class NewTokenAnswer(Answer[NewToken]):
    """A device's new token, shown this once."""

    device_id = serializers.CharField()
    token = serializers.CharField()


class CandidateAnswer(Answer[Candidate]):
    """A version or variant that was considered, and why it was taken or not."""

    kind = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    taken = serializers.BooleanField(source="is_taken")
    reason = serializers.CharField()


@dataclass(frozen=True, slots=True)
class DecisionForDevice:
    """A decision with the device and the model that it is about."""

    device_id: str
    model: str
    decision: Decision


class DecisionAnswer(Answer[DecisionForDevice]):
    """The version that a device should run. Nothing assigned: nulls, and the reason."""

    device_id = serializers.CharField()
    model = serializers.CharField()
    # A decision that assigns nothing has no version, variant or rollout: fields that allow null are null then.
    version = serializers.CharField(allow_null=True, source="decision.version.number")
    target = serializers.CharField(allow_null=True, source="decision.variant.target")
    recipe = serializers.CharField(allow_null=True, source="decision.variant.recipe")
    sha256 = serializers.CharField(allow_null=True, source="decision.variant.sha256")
    rollout_id = serializers.UUIDField(allow_null=True, source="decision.rollout_id")
    reason = serializers.CharField(source="decision.reason")
    release_counter = serializers.IntegerField(source="decision.release_counter")
    candidates = CandidateAnswer(many=True, source="decision.candidates")
