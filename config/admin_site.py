"""The web admin's frame."""

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm


class AdminSite(admin.AdminSite):
    """Django's admin under our name; its pages share the console's header."""

    site_header = "Modelfleet"
    site_title = "Modelfleet"
    index_title = "Administration"
    site_url = "/"
    # Everybody logs in here: roles open the console, ``is_staff`` alone opens the admin.
    login_form = AuthenticationForm
    enable_nav_sidebar = False
