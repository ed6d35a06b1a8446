"""The app that Django loads."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """registry: models, versions, variants, channels."""

    name = "registry"
