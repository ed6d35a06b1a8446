"""The web admin, inside the console's frame."""

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from core.api.authentication import role_of


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
