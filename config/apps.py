"""The app that Django loads."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """config: the ``run`` and ``prepare`` commands, and the Celery application."""

    name = "config"

    def ready(self) -> None:
        """Load the Celery application. Without it, tasks that a thread of the web server queues would go to Celery's default broker."""
        from config.celery import app  # noqa: PLC0415 - it needs the settings

        app.set_default()
