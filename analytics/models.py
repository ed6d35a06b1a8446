"""Alerts: what drifted, where, how sure, and who has seen it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class AlertState(models.TextChoices):
    """Seen once, open, or over; the moves between them are in ``analytics.transitions``."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(models.Model):
    """One condition at one scope, from its first sighting until it is over."""

    model = models.CharField(max_length=64)
    version = models.CharField(max_length=100)
    scope_kind = models.CharField(max_length=8)
    scope_value = models.CharField(max_length=300)
    metric = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=AlertState.choices, default=AlertState.PENDING)
    severity = models.CharField(max_length=8, choices=[("medium", "medium"), ("high", "high")])
    # Windows in a row for which the condition held (pending) or was clearly over (firing).
    streak = models.PositiveSmallIntegerField(default=1)
    last_bucket_at = models.DateTimeField(null=True)
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
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.model} {self.version} {self.scope_kind}:{self.scope_value} ({self.state})"
