"""The app that Django loads."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """core: tokens and audit."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"
