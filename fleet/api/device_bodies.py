"""Bodies of the device API. Unknown fields are dropped, for old servers must survive new agents."""

import uuid
from typing import Any, Final

from rest_framework import serializers

from fleet import deployments
from fleet.devices import enrollment
from fleet.devices import verbs as devices
from fleet.states import REPORTABLE, UNSUCCESSFUL, DeploymentState

# Named in settings.SPECTACULAR_SETTINGS, for the schema has several vocabularies for "state".
REPORTABLE_STATES = sorted(state.value for state in REPORTABLE)
_NONCE: Final = r"\A[A-Za-z0-9+/=_-]{16,128}\Z"
_NONCE_RULE: Final = "must be 16 to 128 letters, digits, '+', '/', '=', '_', '-'."
_MAX_SEQ: Final = 2**63 - 1


class _DeviceBody(serializers.Serializer[Any]):
    """A body of a device."""


class EnrollBody(_DeviceBody):
    """A device asks to be let in."""

    # As they are sent: a device must not become one of another name.
    device_id = serializers.CharField(max_length=128, trim_whitespace=False)
    enrollment_key = serializers.CharField(max_length=200, trim_whitespace=False)
    target = serializers.CharField(max_length=64, trim_whitespace=False)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=128), default=dict)
    capabilities = serializers.DictField(default=dict)
    nonce = serializers.RegexField(
        _NONCE,
        required=False,
        allow_null=True,
        trim_whitespace=False,
        error_messages={"invalid": _NONCE_RULE, "blank": _NONCE_RULE},
        help_text="random text that the device keeps; with one, only a repeat with the same nonce is answered with a token",
    )

    def request(self) -> enrollment.Request:
        """Return the argument of the verb; call it on a valid body."""
        body = dict(self.validated_data)
        return enrollment.Request(secret=body.pop("enrollment_key"), **body)


class ReportBody(_DeviceBody):
    """How far an attempt has come."""

    attempt_id = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=0, max_value=_MAX_SEQ)
    state = serializers.ChoiceField(choices=REPORTABLE_STATES)
    model = serializers.CharField(max_length=64, required=False)
    version = serializers.CharField(max_length=128, required=False)
    sha256 = serializers.CharField(max_length=64, required=False)
    detail = serializers.DictField(default=dict)
    active_providers = serializers.ListField(child=serializers.CharField(max_length=100), default=list, max_length=32)
    release_counter = serializers.IntegerField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require the class of a failure: operators count failures by it."""
        if attrs["state"] in UNSUCCESSFUL and not isinstance(attrs["detail"].get("class"), str):
            raise serializers.ValidationError(
                {"detail": [f'must have the text "class" where the state is {attrs["state"]}.']}
            )
        return attrs

    def report(self) -> deployments.Report:
        """Return the argument of the verb; call it on a valid body."""
        body = self.validated_data
        return deployments.Report(
            attempt_id=uuid.UUID(str(body["attempt_id"])),
            seq=body["seq"],
            state=DeploymentState(body["state"]),
            detail=body["detail"],
            active_providers=body["active_providers"],
        )


class RunningBody(_DeviceBody):
    """A model that the device runs."""

    model = serializers.CharField(max_length=64)
    version = serializers.CharField(max_length=128)
    sha256 = serializers.CharField(max_length=64)


class HeartbeatBody(_DeviceBody):
    """The state of a device, in its own words."""

    agent_version = serializers.CharField(max_length=40, allow_blank=True, default="")
    running = RunningBody(many=True, default=list)
    capabilities = serializers.DictField(required=False)
    resources = serializers.DictField(default=dict)
    clock = serializers.FloatField(required=False)

    def heartbeat(self) -> devices.Heartbeat:
        """Return the argument of the verb; call it on a valid body."""
        body = dict(self.validated_data)
        running = [devices.Running(**row) for row in body.pop("running")]
        return devices.Heartbeat(running=running, **body)
