"""The web admin of core: API tokens can be created and revoked, the audit trail can be read."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core import tokens
from core.api.authentication import actor_of
from core.models import ApiToken, AuditEntry
from core.roles import Role


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """Create and revoke tokens. The message after saving shows the token, once."""

    list_display = ["name", "role", "created_at", "created_by", "revoked_at"]
    fields = ["name", "role"]
    actions = ["revoke"]

    def save_model(self, request: HttpRequest, obj: ApiToken, form: object, change: object) -> None:  # noqa: ARG002 - Django's hook
        """Create the token with the verb, which also stores the digest and writes the audit trail."""
        secret = tokens.create(obj.name, role=Role(obj.role), actor=actor_of(request.user))
        created = tokens.get(secret)
        obj.pk, obj.digest = created.pk, created.digest
        self.message_user(request, f"Copy the token now; it is not shown again: {secret}", messages.WARNING)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:  # noqa: ARG002
        """Refuse edits: the role of a token never changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:  # noqa: ARG002
        """Refuse deletion: revoked tokens stay in the list."""
        return False

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        """Revoke each selected token, from the next request on."""
        for token in rows:
            tokens.revoke(token, actor=actor_of(request.user))


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin[AuditEntry]):
    """Show the audit trail; nothing in it can be changed."""

    list_display = ["at", "actor", "action", "object_type", "object_id"]
    list_filter = ["object_type", "action"]
    search_fields = ["object_id", "actor"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Refuse: only verbs write entries."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:  # noqa: ARG002
        """Refuse: entries never change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:  # noqa: ARG002
        """Refuse: entries are never deleted."""
        return False
