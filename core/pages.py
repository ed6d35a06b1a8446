"""RECONSTRUCTED STAND-IN, not its author's text: see /tmp/plan/NOTE-core-pages.md. Its author should put theirs back.

Holds only what ``config.console`` is seen to call.
"""

from django.http import HttpRequest

from core.api.authentication import role_of
from core.roles import Area, roles_that_may


def may(request: HttpRequest, area: Area, *, write: bool) -> bool:
    """Whether the person who asks may read or write an area."""
    return role_of(request.user) in roles_that_may(area, write=write)
