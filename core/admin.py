"""The web admin of core: API tokens, the audit trail, and people. Only the role ``admin`` sees these pages."""

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core import tokens
from core.api.authentication import actor_of
from core.models import ApiToken, AuditEntry
from core.roles import Area, Role
from core.web_admin.by_role import RowsByRole
from core.web_admin.people import PersonAdmin, RoleGroupAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(RowsByRole[ApiToken]):
    """Create and revoke tokens. The role of a token never changes, and revoked tokens stay in the list."""

    area = Area.ADMINISTRATION
    list_display = ["name", "role", "created_at", "created_by", "revoked_at"]
    fields = ["name", "role"]
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let the role ``admin`` create tokens."""
        return self.has_write_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: object, change: object) -> None:  # noqa: ARG002 - Django's hook
        """Create the token with the verb, which also stores the digest and writes the audit trail."""
        secret = tokens.create(obj.name, role=Role(obj.role), actor=actor_of(request.user))
        created = tokens.get(secret)
        obj.pk, obj.digest = created.pk, created.digest
        obj.secret = secret  # type: ignore[attr-defined]  # read by response_add, which Django calls next

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: object = None) -> HttpResponse:  # noqa: ARG002 - Django's hook
        """Show the token in this answer, and nowhere else: a message would travel in a cookie. Django's admin answers ``no-store``."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"The token “{obj.name}” is ready",
            "opts": self.opts,
            "token": obj,
            "secret": obj.secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/core/apitoken/created.html", context)

    @admin.action(description="Revoke the selected tokens", permissions=["write"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        """Revoke each selected token, from the next request on."""
        for token in rows:
            tokens.revoke(token, actor=actor_of(request.user))


@admin.register(AuditEntry)
class AuditEntryAdmin(RowsByRole[AuditEntry]):
    """Show the audit trail; nothing in it can be changed."""

    area = Area.ADMINISTRATION
    list_display = ["at", "actor", "action", "object_type", "object_id"]
    list_filter = ["object_type", "action"]
    search_fields = ["object_id", "actor"]


# Django's own pages of people would decide by Django's permissions.
admin.site.unregister([User, Group])
admin.site.register(User, PersonAdmin)
admin.site.register(Group, RoleGroupAdmin)
