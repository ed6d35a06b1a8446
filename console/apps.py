"""The apps that Django loads: the page kit, and the web admin inside its frame."""

from django.apps import AppConfig
from django.contrib.admin import apps


class ConsoleConfig(AppConfig):
    """console: templates, template tags and static files."""

    name = "console"


class FramedAdminConfig(apps.AdminConfig):
    """The web admin, served by ``console.admin_site``."""

    default_site = "console.admin_site.AdminSite"
