"""The fleet in the web admin. All rows can be read; actions use the same verbs as the API."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.actors import Actor
from core.api.authentication import actor_of
from core.errors import DomainError
from core.roles import Area
from core.web_admin.by_role import InlineByRole, RowsByRole
from fleet.devices import enrollment_keys
from fleet.devices import verbs as devices
from fleet.models import Deployment, Device, EnrollmentKey, Rollout, RolloutEvent, Subscription
from fleet.rollouts import verbs as rollouts

_Row = TypeVar("_Row", bound=Model)
_Key_contra = TypeVar("_Key_contra", contravariant=True)


class Verb(Protocol[_Key_contra]):
    """A verb that acts on one row, by the row's key."""

    def __call__(self, key: _Key_contra, /, *, actor: Actor) -> object:
        """Act on the row."""
        ...


class FleetRows(RowsByRole[_Row]):
    """Rows of the fleet, and verbs for the selected ones."""

    area = Area.FLEET

    def apply(self, request: HttpRequest, verb: Verb[_Key_contra], keys: Iterable[_Key_contra]) -> None:
        """Apply a verb to each row, and show each refusal as a message."""
        done = 0
        for key in keys:
            try:
                verb(key, actor=actor_of(request.user))
                done += 1
            except DomainError as error:
                self.message_user(request, error.detail, messages.ERROR)
        if done:
            self.message_user(request, f"Done for {done}.")


class SubscriptionInline(InlineByRole[Subscription, Device]):
    """Subscriptions of a device."""

    area = Area.FLEET
    model = Subscription


class RolloutEventInline(InlineByRole[RolloutEvent, Rollout]):
    """History of a rollout."""

    area = Area.FLEET
    model = RolloutEvent


@admin.register(Device)
class DeviceAdmin(FleetRows[Device]):
    """Devices."""

    list_display = ["device_id", "target", "state", "labels", "agent_version", "last_seen_at"]
    list_filter = ["state", "target"]
    search_fields = ["device_id", "labels"]
    inlines = [SubscriptionInline]
    actions = ["accept", "revoke"]

    @admin.action(description="Accept the selected devices", permissions=["write"])
    def accept(self, request: HttpRequest, rows: QuerySet[Device]) -> None:
        """Accept each device."""
        self.apply(request, devices.accept, [row.device_id for row in rows])

    @admin.action(description="Revoke the selected devices", permissions=["write"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Device]) -> None:
        """Revoke each device."""
        self.apply(request, devices.revoke, [row.device_id for row in rows])


@admin.register(EnrollmentKey)
class EnrollmentKeyAdmin(FleetRows[EnrollmentKey]):
    """Enrollment keys."""

    list_display = ["name", "mode", "uses", "max_uses", "expires_at", "target", "revoked_at", "created_by"]
    actions = ["revoke"]

    @admin.action(description="Revoke the selected keys", permissions=["write"])
    def revoke(self, request: HttpRequest, rows: QuerySet[EnrollmentKey]) -> None:
        """Revoke each key."""
        self.apply(request, enrollment_keys.revoke, [row.pk for row in rows])


@admin.register(Rollout)
class RolloutAdmin(FleetRows[Rollout]):
    """Rollouts."""

    list_display = ["channel", "version", "state", "stage_index", "created_by", "started_at", "ended_at"]
    list_filter = ["state"]
    list_select_related = ["channel__model", "version__model"]
    inlines = [RolloutEventInline]
    actions = ["pause", "resume", "abort"]

    @admin.action(description="Pause the selected rollouts", permissions=["write"])
    def pause(self, request: HttpRequest, rows: QuerySet[Rollout]) -> None:
        """Pause each rollout."""
        self.apply(request, rollouts.pause, [row.pk for row in rows])

    @admin.action(description="Resume the selected rollouts", permissions=["write"])
    def resume(self, request: HttpRequest, rows: QuerySet[Rollout]) -> None:
        """Resume each rollout."""
        self.apply(request, rollouts.resume, [row.pk for row in rows])

    @admin.action(description="Abort the selected rollouts", permissions=["write"])
    def abort(self, request: HttpRequest, rows: QuerySet[Rollout]) -> None:
        """Abort each rollout."""
        self.apply(request, rollouts.abort, [row.pk for row in rows])


@admin.register(Deployment)
class DeploymentAdmin(FleetRows[Deployment]):
    """Deployments."""

    list_display = ["device", "version", "state", "failure_class", "rollout_id", "offered_at", "updated_at"]
    list_filter = ["state"]
    search_fields = ["device__device_id"]
    list_select_related = ["device", "version__model"]
