"""The web admin's frame."""

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from core.api.authentication import role_of


class AdminSite(admin.AdminSite):
    """Django's admin under our name; its pages share the console's header."""

    site_header = "Modelfleet"
    site_title = "Modelfleet"
    index_title = "Administration"
    site_url = "/"
    # Everybody logs in here, whatever they may do afterwards.
    login_form = AuthenticationForm
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in whoever has a role; what they find inside is decided by each admin class."""
        return request.user.is_active and (super().has_permission(request) or role_of(request.user) is not None)
