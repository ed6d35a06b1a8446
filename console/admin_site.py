"""The web admin, inside the console's frame."""

import math
from collections.abc import Callable
from typing import TypeVar

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from core.api.authentication import role_of
from core.guessing.throttled import Throttled

_View = TypeVar("_View", bound=Callable[..., HttpResponseBase])


class AdminSite(admin.AdminSite):
    """Django's admin with our name and the header of the console."""

    site_header = "Modelfleet"
    site_title = "Modelfleet"
    index_title = "Administration"
    site_url = "/"
    # Django's own form refuses people who are not staff, but everybody logs in here.
    login_form = AuthenticationForm
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in everybody who has a role. Each admin class decides what they see."""
        return role_of(request.user) is not None

    def admin_view(self, view: _View, cacheable: bool = False) -> _View:  # noqa: FBT001, FBT002 - Django's hook
        """Answer 405 to methods that no page of the admin has. Django would show the page."""
        shown: _View = require_http_methods(["GET", "HEAD", "POST"])(super().admin_view(view, cacheable))
        return shown

    def login(self, request: HttpRequest, extra_context: dict[str, str] | None = None) -> HttpResponse:
        """Show the form, and log in. After too many wrong passwords, say how long to wait."""
        try:
            return super().login(request, extra_context)
        except Throttled as error:
            minutes = math.ceil(error.retry_after_seconds / 60)
            answer = render(request, "throttled.html", {"minutes": minutes}, status=error.kind.value)
            answer["Retry-After"] = str(error.retry_after_seconds)
            return answer
