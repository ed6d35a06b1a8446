"""Rollouts, as operators get them."""

from datetime import timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.answers import Answer, TimeField
from core.formats.durations import format_duration
from fleet.models import Rollout, RolloutEvent
from fleet.rollouts import operator_verbs
from fleet.rollouts.plans import Preview, StagePreview
from fleet.rollouts.progress import RolloutProgress, StageProgress
from fleet.states import RolloutState

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "state".
ROLLOUT_STATES = [state.value for state in RolloutState]


@extend_schema_field(OpenApiTypes.STR)
class DurationField(serializers.Field[int, int, str, int]):
    """Seconds, written as people write a duration: ``10m``."""

    def to_representation(self, value: int) -> str:
        """Write it."""
        return format_duration(timedelta(seconds=value))


class VerbsField(serializers.ListField):
    """The verbs that an operator has in a state of a rollout."""

    child = serializers.CharField()

    def to_representation(self, value: str) -> list[str]:  # type: ignore[override]  # a list is made of one state
        """List them as addresses write them."""
        return [row.verb.slug for row in operator_verbs.list_applicable(RolloutState(value))]


class EventNameField(serializers.CharField):
    """The name of an event, written as addresses write verbs."""

    def to_representation(self, value: str) -> str:
        """Write it."""
        return value.replace("_", "-")


class StageAnswer(Answer[dict[str, float]]):
    """A stage as it was posted; durations as ``10m``."""

    percent = serializers.FloatField()
    min_duration = DurationField(source="min_duration_seconds")
    min_confirmed = serializers.IntegerField()
    min_devices = serializers.IntegerField()


class RolloutAnswer(Answer[Rollout]):
    """A rollout, with the verbs that apply to it now."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="channel.model.slug")
    channel = serializers.CharField(source="channel.name")
    version = serializers.CharField(source="version.number")
    previous_version = serializers.CharField(source="previous_version.number")
    state = serializers.ChoiceField(choices=ROLLOUT_STATES)
    reason = serializers.CharField()
    salt = serializers.CharField()
    selector = serializers.DictField()
    stages = StageAnswer(many=True)
    stage_index = serializers.IntegerField()
    policy = serializers.DictField()
    release_counter = serializers.IntegerField()
    verbs = VerbsField(source="state")
    created_at = TimeField()
    created_by = serializers.CharField()
    started_at = TimeField(allow_null=True)
    stage_started_at = TimeField(allow_null=True)
    ended_at = TimeField(allow_null=True)


class StageProgressAnswer(Answer[StageProgress]):
    """How a stage stands; counts are of devices, and include the stages before it."""

    number = serializers.IntegerField()
    percent = serializers.FloatField()
    position = serializers.CharField()
    covered = serializers.IntegerField()
    offered = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    failed = serializers.IntegerField()
    unreachable = serializers.IntegerField()
    min_duration = DurationField(source="min_duration_seconds")
    needed = serializers.IntegerField()


class ProgressAnswer(Answer[RolloutProgress]):
    """How a rollout stands; ``verdict`` says which condition the current stage waits for."""

    stages = StageProgressAnswer(many=True)
    devices = serializers.IntegerField()
    unserved = serializers.IntegerField()
    time_left_s = serializers.IntegerField(allow_null=True, source="time_left_seconds")
    verdict = serializers.CharField()


class EventAnswer(Answer[RolloutEvent]):
    """Something that happened to a rollout."""

    at = TimeField()
    actor = serializers.CharField()
    event = EventNameField()
    sentence = serializers.CharField()


class RolloutDetailAnswer(RolloutAnswer):
    """A rollout with how it stands and what happened to it."""

    progress = ProgressAnswer()
    events = EventAnswer(many=True)

    @classmethod
    def with_progress(cls, rollout: Rollout, *, progress: RolloutProgress) -> dict[str, Any]:
        """Return a rollout with its progress and its events."""
        events = [EventAnswer.of(row) for row in rollout.events.all()]
        return {**RolloutAnswer.of(rollout), "progress": ProgressAnswer.of(progress), "events": events}


class StagePreviewAnswer(Answer[StagePreview]):
    """Which devices a stage would cover (cumulative), and how many bytes the devices new to it would download."""

    percent = serializers.FloatField()
    devices = serializers.IntegerField()
    new_devices = serializers.IntegerField()
    new_bytes = serializers.IntegerField()
    device_ids = serializers.ListField(child=serializers.CharField())


class PreviewAnswer(Answer[Preview]):
    """Which devices, and how many bytes. The same ``salt`` in the rollout gives exactly these devices."""

    salt = serializers.CharField()
    devices = serializers.IntegerField()
    download_bytes = serializers.IntegerField()
    by_target = serializers.DictField(child=serializers.IntegerField())
    unserved = serializers.ListField(child=serializers.CharField())
    stages = StagePreviewAnswer(many=True)
