"""Alerts: what drifts, where, the numbers, and who has seen it."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from analytics.drift.queries import VersionName
from analytics.states import OPEN_STATES, SEVERITIES, AlertState
from ingest.roll_ups.keys import Scope, ScopeKind


class Alert(models.Model):
    """Drift of one version at one scope, from the first alarming evaluation until it is over."""

    model = models.CharField(max_length=64)
    version = models.CharField(max_length=100)
    scope_kind = models.CharField(max_length=8)
    scope_value = models.CharField(max_length=300)
    metric = models.CharField(max_length=40)
    state = models.CharField(
        max_length=10, choices=[(state.value, state.value) for state in AlertState], default=AlertState.PENDING
    )
    severity = models.CharField(max_length=8, choices=[(severity, severity) for severity in SEVERITIES])
    # Observations in a row toward the next state (analytics.states).
    streak = models.PositiveSmallIntegerField(default=1)
    # The interval of the evaluation that was counted last: a second one of the same interval counts nothing.
    last_evaluated_at = models.DateTimeField()
    sentence = models.TextField()
    evidence = models.JSONField(default=dict)
    pending_at = models.DateTimeField(default=timezone.now)
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=200, blank=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_alert_per_key",
                fields=["model", "version", "scope_kind", "scope_value", "metric"],
                condition=~Q(state=AlertState.RESOLVED),
            ),
            models.CheckConstraint(
                name="alert_has_a_known_state", condition=Q(state__in=[state.value for state in AlertState])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.model} {self.version} {self.scope_kind}:{self.scope_value} ({self.state})"

    @property
    def version_name(self) -> VersionName:
        """The version that drifts."""
        return VersionName(self.model, self.version)

    @property
    def scope(self) -> Scope:
        """Where it drifts."""
        return Scope(ScopeKind(self.scope_kind), self.scope_value)

    @property
    def is_open(self) -> bool:
        """Whether somebody may still have to act."""
        return self.state in OPEN_STATES

    @property
    def is_firing(self) -> bool:
        """Whether the drift held for two evaluations."""
        return self.state == AlertState.FIRING

    @property
    def since(self) -> datetime:
        """When it fired, or was first seen."""
        return self.fired_at or self.pending_at
