"""The app that Django loads."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """ingest: telemetry in."""

    name = "ingest"
