"""The app that Django loads."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """The app of telemetry."""

    name = "ingest"
