"""Bodies of the operator API. They check the shape; the verbs check the rules."""

from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from core.api.strictness import StrictBody
from core.errors import DomainError
from core.formats.durations import parse_duration
from fleet.devices import subscriptions
from fleet.devices.enrollment_keys import MAX_USES, NewKey
from fleet.devices.subscriptions import Follow
from fleet.rollouts.plans import Plan
from fleet.rollouts.selectors import Selector
from fleet.rollouts.stages import Stage
from fleet.states import EnrollmentMode

_Body = TypeVar("_Body", bound=serializers.Serializer[Any])
_LATER = ("gates", "on_failure", "window")


def read(body_class: type[_Body], request: Request) -> _Body:
    """Return the body of a request, whose shape is valid.

    Raises:
        ValidationError: Naming the fields that are wrong.
    """
    body = body_class(data=request.data)
    body.is_valid(raise_exception=True)
    return body


@extend_schema_field(OpenApiTypes.STR)
class DurationField(serializers.Field[int, object, str, int]):
    """A duration as people write it, ``10m``; whole seconds inside."""

    def to_internal_value(self, data: object) -> int:
        """Read it."""
        if isinstance(data, bool) or not isinstance(data, str | int):
            raise serializers.ValidationError("must be a duration such as 90s, 10m or 1h.")
        try:
            return int(parse_duration(str(data)).total_seconds())
        except DomainError as error:
            raise serializers.ValidationError(error.detail) from error

    def to_representation(self, value: int) -> str:
        """Write seconds; no answer uses it."""
        return f"{value}s"


class LabelsField(serializers.DictField):
    """Key to text."""

    child = serializers.CharField(allow_blank=True, max_length=128)


class SubscriptionBody(StrictBody):
    """A channel of a model to follow."""

    model = serializers.CharField(max_length=64)
    channel = serializers.CharField(max_length=64, default="stable")


class EnrollmentKeyBody(StrictBody):
    """A new enrollment key; only the name is required."""

    name = serializers.CharField(max_length=100)
    max_uses = serializers.IntegerField(min_value=1, max_value=MAX_USES, default=1)
    expires_at = serializers.DateTimeField(required=False)
    mode = serializers.ChoiceField(choices=[mode.value for mode in EnrollmentMode], default=EnrollmentMode.ACCEPT.value)
    target = serializers.CharField(max_length=64, allow_blank=True, default="")
    labels = LabelsField(default=dict)
    subscriptions = SubscriptionBody(many=True, default=list)

    def new_key(self) -> NewKey:
        """Return the key that the verb takes; call it on a valid body."""
        body = dict(self.validated_data)
        follows = subscriptions.read_follows(body.pop("subscriptions"))
        return NewKey(mode=EnrollmentMode(body.pop("mode")), subscriptions=follows, **body)


class DeviceBody(StrictBody):
    """The changes of a device. A given field is replaced as a whole."""

    labels = LabelsField(required=False)
    subscriptions = SubscriptionBody(many=True, required=False)

    def follows(self) -> list[Follow] | None:
        """Return the subscriptions, None where the body leaves them alone; call it on a valid body."""
        rows = self.validated_data.get("subscriptions")
        return None if rows is None else subscriptions.read_follows(rows)


class PinBody(StrictBody):
    """Hold the device at this version."""

    model = serializers.CharField(max_length=64)
    version = serializers.CharField(max_length=128)


class UnpinBody(StrictBody):
    """Let the device follow its channel again."""

    model = serializers.CharField(max_length=64)


class ReasonBody(StrictBody):
    """The reason, kept in the rollout's history."""

    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class StageBody(StrictBody):
    """One stage of a rollout."""

    percent = serializers.FloatField()
    min_duration = DurationField(default=0)
    min_confirmed = serializers.IntegerField(min_value=0, max_value=10_000_000, default=1)
    min_devices = serializers.IntegerField(min_value=0, max_value=10_000_000, default=1)


class SelectorBody(StrictBody):
    """Which devices the rollout is for; every given part must match."""

    labels = LabelsField(default=dict)
    targets = serializers.ListField(child=serializers.CharField(max_length=64), default=list, max_length=64)
    devices = serializers.ListField(child=serializers.CharField(max_length=128), default=list, max_length=10_000)


class RolloutBody(StrictBody):
    """A rollout as it is posted."""

    model = serializers.CharField(max_length=64)
    channel = serializers.CharField(max_length=64, default="stable")
    version = serializers.CharField(max_length=128)
    salt = serializers.CharField(max_length=100, allow_blank=True, default="")
    selector = SelectorBody(required=False)
    stages = StageBody(many=True)
    policy = serializers.DictField(default=dict)

    def to_internal_value(self, data: object) -> object:
        """Refuse fields of the contract that this release does not have: a rollout must not look guarded when it is not."""
        if isinstance(data, dict):
            present = [name for name in _LATER if name in data]
            if present:
                raise serializers.ValidationError({name: ["is not built in this release."] for name in present})
        return super().to_internal_value(data)

    def plan(self) -> Plan:
        """Return the plan that the verbs take; call it on a valid body."""
        body = self.validated_data
        selector = body.get("selector", {})
        return Plan(
            model=body["model"],
            channel=body["channel"],
            version=body["version"],
            salt=body["salt"],
            policy=body["policy"],
            selector=Selector(
                labels=selector.get("labels", {}),
                targets=frozenset(selector.get("targets", [])),
                devices=frozenset(selector.get("devices", [])),
            ),
            stages=tuple(
                Stage(
                    percent=stage["percent"],
                    min_duration_seconds=stage["min_duration"],
                    min_confirmed=stage["min_confirmed"],
                    min_devices=stage["min_devices"],
                )
                for stage in body["stages"]
            ),
        )
