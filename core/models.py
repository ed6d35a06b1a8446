"""The tables of core: API tokens, the audit trail, and the counts of attempts to log in."""

from django.db import models
from django.utils import timezone

from core.roles import Role


class ApiToken(models.Model):
    """The credential of a program. It has one role. The table keeps its SHA-256, never the token."""

    name = models.CharField(max_length=100)
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=200, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="api_token_has_a_known_role", condition=models.Q(role__in=[r.value for r in Role])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"

    @property
    def is_revoked(self) -> bool:
        """Whether requests with the token are refused."""
        return self.revoked_at is not None


class AuditEntry(models.Model):
    """Who did what to which object. Append-only: a trigger refuses UPDATE and DELETE."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=100)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=300)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_by_object")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor} {self.action} {self.object_type} {self.object_id}"


class LoginBucket(models.Model):
    """Attempts to log in by one name, from one address, or by both together: ``core.guessing.logins`` has the rule.

    ``level`` is the number at the time ``at``. ``key`` and ``person`` are digests. ``known_at`` is the last login of a pair.
    """

    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in ("address", "name", "pair")])
    key = models.CharField(max_length=64)
    person = models.CharField(max_length=64, blank=True, db_index=True)
    level = models.FloatField()
    at = models.DateTimeField(db_index=True)
    known_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_bucket_per_key", fields=["kind", "key"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.key[:8]}: {self.level:.1f} at {self.at}"
