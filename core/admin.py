"""core in the web admin: tokens to look at and revoke, the audit trail to read."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest

from core import tokens
from core.api.authentication import actor_of
from core.models import ApiToken, AuditEntry
from core.roles import Role


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """Create and revoke tokens; the secret is shown once, in the message after saving."""

    list_display = ["name", "role", "created_at", "created_by", "revoked_at"]
    fields = ["name", "role"]
    actions = ["revoke"]

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: Any) -> None:  # noqa: ARG002 - Django's hook
        """Create through the verb, so that the trail and the digest are right."""
        secret = tokens.create(obj.name, role=Role(obj.role), actor=actor_of(request.user))
        created = tokens.get(secret)
        obj.pk, obj.digest = created.pk, created.digest
        self.message_user(request, f"The token, shown only now: {secret}", messages.WARNING)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:  # noqa: ARG002
        """Allow no edits: a token's role never changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:  # noqa: ARG002
        """Allow no deletion: revoked tokens stay readable."""
        return False

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, rows: Any) -> None:
        """Revoke at once."""
        for token in rows:
            tokens.revoke(token, actor=actor_of(request.user))


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin[AuditEntry]):
    """Read-only."""

    list_display = ["at", "actor", "action", "object_type", "object_id"]
    list_filter = ["object_type", "action"]
    search_fields = ["object_id", "actor"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Only verbs append."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:  # noqa: ARG002
        """Nobody rewrites."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:  # noqa: ARG002
        """Nobody deletes."""
        return False
