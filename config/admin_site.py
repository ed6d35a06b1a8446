"""The web admin's frame."""

from django.contrib import admin


class AdminSite(admin.AdminSite):
    """Django's admin under our name; its pages share the console's header."""

    site_header = "Modelfleet"
    site_title = "Modelfleet"
    index_title = "Administration"
    site_url = "/"
