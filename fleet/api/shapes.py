"""What the fleet's API answers with, for the OpenAPI schema; ``rendering`` makes it, and a contract test compares the two."""

from typing import Any

from rest_framework import serializers

from fleet.models import DeviceState
from fleet.states import REPORTABLE, DeploymentState, RolloutState

Shape = serializers.Serializer[Any]

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "state".
DEVICE_STATES = DeviceState.values
DEPLOYMENT_STATES = [state.value for state in DeploymentState]
REPORTABLE_STATES = sorted(state.value for state in REPORTABLE)
ROLLOUT_STATES = [state.value for state in RolloutState]


class SubscriptionShape(Shape):
    """A channel of a model that a device follows."""

    model = serializers.CharField()
    channel = serializers.CharField()


class EnrollmentKeyShape(Shape):
    """An enrollment key, without its secret."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=["accept", "review"])
    max_uses = serializers.IntegerField()
    uses = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    target = serializers.CharField(allow_null=True)
    labels = serializers.DictField(child=serializers.CharField())
    subscriptions = SubscriptionShape(many=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewEnrollmentKeyShape(EnrollmentKeyShape):
    """The same with the key itself, which is shown this once."""

    key = serializers.CharField()


class PinShape(Shape):
    """A version that a device is held at."""

    model = serializers.CharField()
    version = serializers.CharField()


class RunningShape(Shape):
    """A model that a device says it runs."""

    model = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField()


class DeploymentShape(Shape):
    """A device's attempt at one variant."""

    attempt_id = serializers.UUIDField()
    model = serializers.CharField()
    version = serializers.CharField()
    state = serializers.ChoiceField(choices=DEPLOYMENT_STATES)
    failure_class = serializers.CharField(allow_null=True)
    detail = serializers.DictField()
    active_providers = serializers.ListField(child=serializers.CharField())
    rollout_id = serializers.UUIDField(allow_null=True)
    release_counter = serializers.IntegerField()
    offered_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class DeviceShape(Shape):
    """A device, with its newest attempt at each model."""

    device_id = serializers.CharField()
    target = serializers.CharField()
    state = serializers.ChoiceField(choices=DEVICE_STATES)
    labels = serializers.DictField(child=serializers.CharField())
    subscriptions = SubscriptionShape(many=True)
    pins = PinShape(many=True)
    agent_version = serializers.CharField()
    running = RunningShape(many=True)
    deployments = DeploymentShape(many=True)
    capabilities = serializers.DictField()
    resources = serializers.DictField()
    clock_offset_s = serializers.FloatField(allow_null=True)
    enrolled_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)


class NewTokenShape(Shape):
    """A device's new token, shown this once."""

    device_id = serializers.CharField()
    token = serializers.CharField()


class CandidateShape(Shape):
    """Something that a device might have run, and why it does or does not."""

    kind = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    taken = serializers.BooleanField()
    reason = serializers.CharField()


class DecisionShape(Shape):
    """What a device should run; all nulls where nothing fits, with the reason."""

    device_id = serializers.CharField()
    model = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    target = serializers.CharField(allow_null=True)
    recipe = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    rollout_id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()
    release_counter = serializers.IntegerField()
    candidates = CandidateShape(many=True)


class StageShape(Shape):
    """A stage as it was posted; durations as ``10m``."""

    percent = serializers.FloatField()
    min_duration = serializers.CharField()
    min_confirmed = serializers.IntegerField()
    min_devices = serializers.IntegerField()


class RolloutShape(Shape):
    """A rollout, with the verbs that apply to it now."""

    id = serializers.UUIDField()
    model = serializers.CharField()
    channel = serializers.CharField()
    version = serializers.CharField()
    previous_version = serializers.CharField()
    state = serializers.ChoiceField(choices=ROLLOUT_STATES)
    reason = serializers.CharField()
    salt = serializers.CharField()
    selector = serializers.DictField()
    stages = StageShape(many=True)
    stage_index = serializers.IntegerField()
    policy = serializers.DictField()
    release_counter = serializers.IntegerField()
    verbs = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    stage_started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class StageProgressShape(Shape):
    """How a stage stands; counts are of devices, and include the stages before it."""

    number = serializers.IntegerField()
    percent = serializers.FloatField()
    position = serializers.CharField()
    covered = serializers.IntegerField()
    offered = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    failed = serializers.IntegerField()
    unreachable = serializers.IntegerField()
    min_duration = serializers.CharField()
    needed = serializers.IntegerField()


class ProgressShape(Shape):
    """How a rollout stands; ``verdict`` says what the current stage waits for."""

    stages = StageProgressShape(many=True)
    devices = serializers.IntegerField()
    unserved = serializers.IntegerField()
    time_left_s = serializers.IntegerField(allow_null=True)
    verdict = serializers.CharField()


class EventShape(Shape):
    """Something that happened to a rollout."""

    at = serializers.DateTimeField()
    actor = serializers.CharField()
    event = serializers.CharField()
    sentence = serializers.CharField()


class RolloutDetailShape(RolloutShape):
    """A rollout with how it stands and what happened to it."""

    progress = ProgressShape()
    events = EventShape(many=True)


class StagePreviewShape(Shape):
    """Whom a stage would cover (cumulative), and what they would download that the stage before did not."""

    percent = serializers.FloatField()
    devices = serializers.IntegerField()
    new_devices = serializers.IntegerField()
    new_bytes = serializers.IntegerField()
    device_ids = serializers.ListField(child=serializers.CharField())


class PreviewShape(Shape):
    """Who, how many, how many bytes. The same ``salt`` in the rollout gives exactly these devices."""

    salt = serializers.CharField()
    devices = serializers.IntegerField()
    download_bytes = serializers.IntegerField()
    by_target = serializers.DictField(child=serializers.IntegerField())
    unserved = serializers.ListField(child=serializers.CharField())
    stages = StagePreviewShape(many=True)


class EnrolledShape(Shape):
    """A device is let in; the token is shown this once."""

    device_id = serializers.CharField()
    token = serializers.CharField()
    poll_after_s = serializers.IntegerField()
    signing_keys = serializers.ListField(child=serializers.CharField())


class PendingShape(Shape):
    """A person has to accept the device; ask again later."""

    device_id = serializers.CharField()
    state = serializers.ChoiceField(choices=["pending"])
    poll_after_s = serializers.IntegerField()


class AssignmentShape(Shape):
    """Why a device gets this; ``dsse`` is null until assignments are signed."""

    attempt_id = serializers.UUIDField()
    rollout_id = serializers.UUIDField(allow_null=True)
    reason = serializers.CharField()
    release_counter = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    dsse = serializers.CharField(allow_null=True)


class PolicyShape(Shape):
    """How a device is to change over."""

    activate = serializers.ChoiceField(choices=["immediate"])
    probation_s = serializers.IntegerField()
    probation_inferences = serializers.IntegerField()


class LatestShape(Shape):
    """What a device should run; the addresses need no credentials."""

    model_id = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    format = serializers.CharField()
    filename = serializers.CharField()
    download_url = serializers.URLField()
    target = serializers.CharField()
    recipe = serializers.CharField()
    manifest_url = serializers.URLField()
    manifest_sha256 = serializers.CharField()
    signature_url = serializers.URLField()
    baseline_url = serializers.URLField(allow_null=True)
    assignment = AssignmentShape()
    policy = PolicyShape()
    poll_after_s = serializers.IntegerField()


class AcceptedShape(Shape):
    """The state of the attempt after a report."""

    state = serializers.ChoiceField(choices=DEPLOYMENT_STATES)


class HeartbeatAnswerShape(Shape):
    """The server's time, and when to ask again."""

    now = serializers.DateTimeField()
    poll_after_s = serializers.IntegerField()
