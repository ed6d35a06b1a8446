"""The app that Django loads."""

from django.apps import AppConfig

from console import navigation, tones
from console.navigation import Section
from registry import states

PAGES = frozenset({"model-page", "version-page", "upload-page", "upload-to-model-page"})


class RegistryConfig(AppConfig):
    """registry: models, versions, variants, channels."""

    name = "registry"

    def ready(self) -> None:
        """Register with the console."""
        navigation.register(Section("Models", page="models-page", position=20, pages=PAGES))
        tones.register(states.TONES)
