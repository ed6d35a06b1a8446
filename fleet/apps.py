"""The app that Django loads."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    """fleet: devices and rollouts."""

    name = "fleet"
