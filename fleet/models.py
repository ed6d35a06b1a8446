"""Rows of the fleet: enrollment keys, devices and their tokens, subscriptions, pins, rollouts, deployments."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fleet.states import (
    ACTIVE_ROLLOUT_STATES,
    OPEN_DEPLOYMENT_STATES,
    UNDONE_ROLLOUT_STATES,
    DeploymentState,
    DeviceState,
    EnrollmentMode,
    KeyState,
    RolloutState,
    RolloutVerb,
)
from registry.models import Channel, ModelVersion, RegisteredModel, Variant


class EnrollmentKey(models.Model):
    """A secret with which devices enroll: limited in uses and time, with defaults for its devices. Kept as SHA-256, shown once."""

    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    mode = models.CharField(
        max_length=8, choices=[(mode.value, mode.value) for mode in EnrollmentMode], default=EnrollmentMode.ACCEPT.value
    )
    max_uses = models.PositiveIntegerField(default=1)
    uses = models.PositiveIntegerField(default=0, editable=False)
    expires_at = models.DateTimeField()
    target = models.CharField(max_length=64, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    subscriptions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=200, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="an_enrollment_key_is_not_overused", condition=Q(uses__lte=models.F("max_uses"))
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_reviewed(self) -> bool:
        """Whether a person has to accept each device of this key."""
        return self.mode == EnrollmentMode.REVIEW

    def state_at(self, now: datetime) -> KeyState:
        """Return whether the key lets devices in. A revoked key stays revoked, so that reason goes first."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at < now:
            return KeyState.EXPIRED
        return KeyState.USED_UP if self.uses >= self.max_uses else KeyState.OPEN


class Device(models.Model):
    """One edge device, by the id it chose."""

    device_id = models.CharField(max_length=128, unique=True)
    target = models.CharField(max_length=64)
    labels = models.JSONField(default=dict, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    state = models.CharField(
        max_length=8,
        choices=[(state.value, state.value.title()) for state in DeviceState],
        default=DeviceState.ACTIVE.value,
    )
    enrollment_key = models.ForeignKey(
        EnrollmentKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="devices"
    )
    # SHA-256; empty where the device sent no nonce.
    enrollment_nonce_digest = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    enrolled_at = models.DateTimeField(default=timezone.now)
    # Flushed from Redis every few seconds, so that a poll costs no write.
    last_seen_at = models.DateTimeField(null=True, blank=True)
    agent_version = models.CharField(max_length=40, blank=True)
    # As the device last reported: [{"model", "version", "sha256"}].
    running = models.JSONField(default=list, blank=True)
    resources = models.JSONField(default=dict, blank=True)
    clock_offset_seconds = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["device_id"]

    def __str__(self) -> str:
        return self.device_id

    @property
    def is_pending(self) -> bool:
        """Whether a person has to accept the device."""
        return self.state == DeviceState.PENDING

    @property
    def is_active(self) -> bool:
        """Whether the device is in the fleet."""
        return self.state == DeviceState.ACTIVE

    @property
    def is_revoked(self) -> bool:
        """Whether an operator has revoked the device."""
        return self.state == DeviceState.REVOKED


class DeviceToken(models.Model):
    """A device's credential, kept as SHA-256. Two are valid while one replaces the other."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    first_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"token of {self.device_id}"


class Subscription(models.Model):
    """A device follows a channel of a model, never a version. The first by position is its primary one."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="subscriptions")
    # Slug and name, not keys: a device may subscribe before the model or the channel exists.
    model_slug = models.CharField(max_length=64)
    channel_name = models.CharField(max_length=64, default="stable")
    position = models.PositiveSmallIntegerField(default=0)
    # The release counter of the last act on this subscription: its change, an unpin, new labels of the device.
    release_counter = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(name="one_subscription_per_device_and_model", fields=["device", "model_slug"])
        ]
        indexes = [models.Index(fields=["model_slug", "channel_name"], name="subscribers_of_a_channel")]

    def __str__(self) -> str:
        return f"{self.device} follows {self.model_slug}/{self.channel_name}"


class Pin(models.Model):
    """An operator holds one device at one version. A pin goes before channel and rollouts."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="pins")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    release_counter = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_pin_per_device_and_model", fields=["device", "model"])]

    def __str__(self) -> str:
        return f"{self.device} pinned to {self.version}"


class Rollout(models.Model):
    """Moves one channel from one version to another, stage by stage."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="rollouts")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="rollouts")
    previous_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    salt = models.CharField(max_length=100)
    # {"labels": {key: value}, "targets": [...], "devices": [...]}; every given part must match.
    selector = models.JSONField(default=dict)
    # [{"percent", "min_duration_seconds", "min_confirmed", "min_devices"}], percent rising.
    stages = models.JSONField()
    policy = models.JSONField(default=dict)
    state = models.CharField(
        max_length=12, choices=[(state.value, state.value) for state in RolloutState], default=RolloutState.DRAFT.value
    )
    reason = models.TextField(blank=True)
    stage_index = models.PositiveSmallIntegerField(default=0)
    # Devices below this bucket are covered. It only rises, so that no stage and no newcomer drops a device.
    bucket_limit = models.PositiveIntegerField(default=0)
    stage_started_at = models.DateTimeField(null=True)
    release_counter = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                name="one_active_rollout_per_channel", fields=["channel"], condition=Q(state__in=ACTIVE_ROLLOUT_STATES)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.version.number} ({self.state})"

    @property
    def is_draft(self) -> bool:
        """Whether the rollout was never started."""
        return self.state == RolloutState.DRAFT

    @property
    def is_active(self) -> bool:
        """Whether the rollout runs, is paused or is rolling back."""
        return self.state in ACTIVE_ROLLOUT_STATES

    @property
    def is_paused(self) -> bool:
        """Whether a person or a rule holds the rollout."""
        return self.state == RolloutState.PAUSED

    @property
    def is_completed(self) -> bool:
        """Whether the channel points to the version."""
        return self.state == RolloutState.COMPLETED

    @property
    def is_undone(self) -> bool:
        """Whether the rollout's devices are sent back, or were."""
        return self.state in UNDONE_ROLLOUT_STATES


class RolloutEvent(models.Model):
    """One entry of a rollout's history: an event, and the sentence that says why."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=200)
    event = models.CharField(max_length=40)
    sentence = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.sentence}"

    @property
    def is_undoing(self) -> bool:
        """Whether the event sends devices back."""
        return self.event in {RolloutVerb.ABORT, RolloutVerb.ROLL_BACK}

    @property
    def is_finishing(self) -> bool:
        """Whether the event ends the rollout, or its roll-back, as planned."""
        return self.event in {RolloutVerb.COMPLETE, RolloutVerb.FINISH_ROLL_BACK}


class Deployment(models.Model):
    """One device's attempt at one variant, written at the first offer. Its id is the wire's ``attempt_id``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="deployments")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="deployments")
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="deployments")
    # The digest of the offered file. A variant that is built again has other bytes, and is another offer.
    sha256 = models.CharField(max_length=64)
    rollout = models.ForeignKey(Rollout, on_delete=models.SET_NULL, null=True, related_name="deployments")
    state = models.CharField(
        max_length=12,
        choices=[(state.value, state.value) for state in DeploymentState],
        default=DeploymentState.OFFERED.value,
    )
    failure_class = models.CharField(max_length=60, blank=True)
    detail = models.JSONField(default=dict)
    active_providers = models.JSONField(default=list)
    last_seq = models.BigIntegerField(default=-1)
    release_counter = models.BigIntegerField()
    offered_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-offered_at"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_deployment_per_device_and_model",
                fields=["device", "model"],
                condition=Q(state__in=OPEN_DEPLOYMENT_STATES),
            ),
        ]
        indexes = [models.Index(fields=["device", "model", "-offered_at"], name="last_deployment_of_a_device")]

    def __str__(self) -> str:
        return f"{self.device} → {self.version} ({self.state})"

    @property
    def is_open(self) -> bool:
        """Whether the outcome of the attempt is not known yet."""
        return self.state in OPEN_DEPLOYMENT_STATES
