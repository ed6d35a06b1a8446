"""Answers of the device API: enrollment, polls, reports and heartbeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rest_framework import serializers

from core.api.answers import Answer, TimeField
from fleet.api.answers.devices import DEPLOYMENT_STATES
from fleet.polls.answering import Latest
from fleet.states import DeploymentState, DeviceState


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device that is let in, with the server's public keys as PEM."""

    device_id: str
    token: str
    poll_after_seconds: int
    signing_keys: Sequence[str]


class EnrolledAnswer(Answer[Enrolled]):
    """A device is let in; the token is shown this once."""

    device_id = serializers.CharField()
    token = serializers.CharField()
    poll_after_s = serializers.IntegerField(source="poll_after_seconds")
    signing_keys = serializers.ListField(child=serializers.CharField())


@dataclass(frozen=True, slots=True)
class Pending:
    """A device that a person has to accept."""

    device_id: str
    poll_after_seconds: int
    state: DeviceState = DeviceState.PENDING


class PendingAnswer(Answer[Pending]):
    """A person has to accept the device; ask again later."""

    device_id = serializers.CharField()
    state = serializers.ChoiceField(choices=[DeviceState.PENDING.value])
    poll_after_s = serializers.IntegerField(source="poll_after_seconds")


class AssignmentAnswer(Answer[Latest]):
    """Why the device gets this version. ``dsse`` is null until assignments are signed."""

    attempt_id = serializers.UUIDField()
    rollout_id = serializers.UUIDField(allow_null=True, source="decision.rollout_id")
    reason = serializers.CharField(source="decision.reason")
    release_counter = serializers.IntegerField(source="decision.release_counter")
    expires_at = TimeField(timespec="seconds")
    dsse = serializers.CharField(allow_null=True)


class PolicyAnswer(Answer[dict[str, str | int]]):
    """How a device is to change over."""

    activate = serializers.ChoiceField(choices=["immediate"])
    probation_s = serializers.IntegerField()
    probation_inferences = serializers.IntegerField()


class LatestAnswer(Answer[Latest]):
    """The version that a device should run. The addresses need no credentials."""

    model_id = serializers.CharField(source="model")
    version = serializers.CharField(source="decision.version.number")
    sha256 = serializers.CharField(source="decision.variant.sha256")
    size = serializers.IntegerField(source="decision.variant.size")
    format = serializers.CharField(source="decision.variant.format")
    filename = serializers.CharField(source="decision.variant.filename")
    download_url = serializers.URLField(source="links.download_url")
    target = serializers.CharField(source="decision.variant.target")
    recipe = serializers.CharField(source="decision.variant.recipe")
    manifest_url = serializers.URLField(source="links.manifest_url")
    manifest_sha256 = serializers.CharField(source="decision.manifest.sha256")
    signature_url = serializers.URLField(source="links.signature_url")
    baseline_url = serializers.URLField(allow_null=True, source="links.baseline_url")
    assignment = AssignmentAnswer(source="*")
    policy = PolicyAnswer()
    poll_after_s = serializers.IntegerField(source="poll_after_seconds")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A report that was taken."""

    state: DeploymentState


class AcceptedAnswer(Answer[Accepted]):
    """The state of the attempt after a report."""

    state = serializers.ChoiceField(choices=DEPLOYMENT_STATES)


@dataclass(frozen=True, slots=True)
class HeartbeatReceived:
    """A heartbeat that was taken."""

    now: datetime
    poll_after_seconds: int


class HeartbeatAnswer(Answer[HeartbeatReceived]):
    """The server's time, and when to ask again."""

    now = TimeField(timespec="milliseconds")
    poll_after_s = serializers.IntegerField(source="poll_after_seconds")
