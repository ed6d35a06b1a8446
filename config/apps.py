"""What Django loads for the wiring itself: the admin site, with our title and our pages linked from it."""

from django.apps import AppConfig
from django.contrib.admin import apps


class ConsoleAdminConfig(apps.AdminConfig):
    """The web admin, served by ``config.admin_site``."""

    default_site = "config.admin_site.AdminSite"


class ConfigConfig(AppConfig):
    """config itself: its templates, static files and the ``run`` command."""

    name = "config"

    def ready(self) -> None:
        """Load the Celery application, so that tasks queued by any process, from any thread, go to our broker."""
        from config.celery import app  # noqa: PLC0415 - it needs the settings

        app.set_default()
