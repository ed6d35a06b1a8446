"""Allow or refuse a request by the caller's role and the area that the view names."""

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
    """Allow by role. A view declares its area, as in ``area = Area.ADMINISTRATION``; one that has none is refused to all."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if the role allows the request, False for callers without a role: DRF answers 401 or 403.

        Raises:
            RoleForbids: The caller's role does not allow it. The error names the roles that do.
        """
        role = role_of(request.user)
        area = getattr(view, "area", None)
        if role is None or area is None:
            return False
        allowed = roles_that_may(Area(area), write=request.method not in SAFE_METHODS)
        if role not in allowed:
            names = " or ".join(sorted(allowed))
            raise RoleForbids(f"The role {role} may not do this; {names} may.", required_roles=sorted(allowed))
        return True
