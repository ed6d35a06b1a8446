"""The pages of people and of the groups that stand for roles."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.api.authentication import role_of
from core.people import rights
from core.people.rights import AdminWouldBeLost
from core.roles import Area
from core.web_admin.by_role import RowsByRole


class PersonAdmin(RowsByRole[User], UserAdmin[User]):
    """People. A group gives a role; Django's permissions and its flag *staff* mean nothing here."""

    area = Area.ADMINISTRATION
    list_display = ["username", "email", "role", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_active", "is_superuser", "groups"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (
            "Rights",
            {
                "fields": ("is_active", "groups", "is_superuser"),
                "description": "The strongest of the groups is the person’s role. Superusers are admin; only superusers make superusers.",
            },
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def role(self, person: User) -> str:
        """Return the person's role for the list."""
        return role_of(person) or "none"

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let the role ``admin`` add people."""
        return self.has_write_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let the role ``admin`` change people, and superusers only superusers. The page of passwords asks this too."""
        return self.has_write_permission(request) and not (
            isinstance(obj, User) and not rights.may_change(request.user, obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let those delete who may change."""
        return self.has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Let superusers alone make superusers."""
        fields = [str(name) for name in super().get_readonly_fields(request, obj)]
        return fields if rights.is_superuser(request.user) else [*fields, "is_superuser"]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Save the groups, and check that the acting person is still an administrator."""
        super().save_related(request, form, formsets, change)
        rights.check_still_admin(request.user)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete one person."""
        super().delete_model(request, obj)
        rights.check_still_admin(request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete the selected people."""
        super().delete_queryset(request, queryset)
        rights.check_still_admin(request.user)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, bool] | None = None,
    ) -> HttpResponse:
        """Show and save a person; a refusal becomes a message."""
        view = super().changeform_view
        return _show_refusal(request, lambda: view(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, bool] | None = None
    ) -> HttpResponse:
        """Ask and delete; a refusal becomes a message."""
        view = super().delete_view
        return _show_refusal(request, lambda: view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, str] | None = None) -> HttpResponse:
        """List people, and run actions; a refusal becomes a message."""
        view = super().changelist_view
        return _show_refusal(request, lambda: view(request, extra_context))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        """Set a password, or switch it off for somebody else."""

        def change() -> HttpResponse:
            if request.method == "POST" and self.has_write_permission(request):
                # Django starts a new session with the new password, so refusals come before the change where possible.
                rights.check_still_admin(request.user)
                other = self.get_object(request, unquote(id))
                if other == request.user and request.POST.get("usable_password") == "false":
                    raise AdminWouldBeLost
            answer = super(PersonAdmin, self).user_change_password(request, id, form_url)
            if request.method == "POST":
                rights.check_still_admin(request.user)
            return answer

        return _show_refusal(request, change)


class RoleGroupAdmin(RowsByRole[Group]):
    """The groups that stand for roles, to be read: with another name, a group would take its role from everybody in it."""

    area = Area.ADMINISTRATION
    fields = ["name"]
    search_fields = ["name"]


def _show_refusal(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """Call a view of people. A request that may write is one transaction, and no other runs at the same time."""
    if request.method != "POST":
        return view()
    try:
        with transaction.atomic():
            rights.take_turns()
            return view()
    except AdminWouldBeLost as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(request.get_full_path())
