"""Rows in the web admin, by the roles of the API: Django's own permissions decide nothing.

Everybody whose role may read the area of a page reads the rows. A page lets nobody add, change or delete, unless its class says
so. An action with ``permissions=["write"]`` is shown to the roles that may write the area.
"""

import re
from typing import ClassVar, Final, TypeVar
from weakref import WeakKeyDictionary

from django.contrib import admin
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from core.api.authentication import role_of
from core.roles import Area, Role, roles_that_may

_Row = TypeVar("_Row", bound=Model)
_Parent = TypeVar("_Parent", bound=Model)

# A page asks for the role dozens of times, and each answer takes a query.
_roles: WeakKeyDictionary[HttpRequest, Role | None] = WeakKeyDictionary()
# Django's filters for choices, relations and booleans write these names.
_FILTER_SUFFIX: Final = "(__id)?(__exact|__isnull)?"


def may(request: HttpRequest, area: Area, *, write: bool) -> bool:
    """Return whether the person's role may read or write the area; the role is read once for each request."""
    if request not in _roles:
        _roles[request] = role_of(request.user)
    return _roles[request] in roles_that_may(area, write=write)


class ByRole:
    """The permissions of a page or an inline. A subclass names its area."""

    area: ClassVar[Area]

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let the roles read that may read the area."""
        return may(request, self.area, write=False)

    def has_write_permission(self, request: HttpRequest) -> bool:
        """Return whether the role may write the area. Django asks before it shows an action, and before it runs one."""
        return may(request, self.area, write=True)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody add: verbs do."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody change: verbs do."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody delete: verbs do."""
        return False


class RowsByRole(ByRole, admin.ModelAdmin[_Row]):
    """A list of rows with a page for each."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the rows on the index to the roles that may read them."""
        return may(request, self.area, write=False)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:  # noqa: ARG002 - Django's hook
        """Allow the filters that the page offers. Django alone would send ``status__regex=[`` to PostgreSQL."""
        filters = self.get_list_filter(request) if request is not None else self.list_filter
        return any(re.fullmatch(f"{name}{_FILTER_SUFFIX}", lookup) for name in filters)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, str] | None = None) -> HttpResponse:
        """Show the list, or run an action on the selected rows.

        Raises:
            BadRequest: A selected row has a key of the wrong type.
        """
        for key in request.POST.getlist("_selected_action"):
            self._check_key(key)
        return super().changelist_view(request, extra_context)

    def _check_key(self, key: str) -> None:
        try:
            self.model._meta.pk.to_python(key)  # noqa: SLF001 - Django's documented interface
        except (ValidationError, ValueError) as error:
            message = "A selected row has no such key."
            raise BadRequest(message) from error


class InlineByRole(ByRole, admin.TabularInline[_Row, _Parent]):
    """Rows below another row, to be read."""

    extra = 0
    can_delete = False
