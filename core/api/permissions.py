"""A view names its area; the role decides."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.api.authentication import role_of
from core.errors import Forbidden
from core.roles import Area, roles_that_may


class RoleForbids(Forbidden):
    """The caller's role may not do this."""

    code = "role_forbids"


class RolePermission(BasePermission):
    """Allow by role. The view declares ``area = Area.MODELS`` (required: a view that names none is refused to all)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True where the role allows; anonymous callers get False, which DRF turns into 401.

        Raises:
            RoleForbids: The caller is known, and names a role that may.
        """
        role = role_of(request.user)
        if role is None:
            return False
        allowed = roles_that_may(Area(view.area), write=request.method not in SAFE_METHODS)
        if role not in allowed:
            names = " or ".join(sorted(allowed))
            raise RoleForbids(f"The role {role} may not do this; {names} may.", required_roles=sorted(allowed))
        return True
