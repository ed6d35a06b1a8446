"""The app that Django loads."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """analytics: drift and alerts."""

    name = "analytics"
