"""The app that Django loads."""

from django.apps import AppConfig

from analytics import states
from console import navigation, tones
from console.navigation import Badge, Section


class AnalyticsConfig(AppConfig):
    """The app of drift and alerts."""

    name = "analytics"

    def ready(self) -> None:
        """Register with the console."""
        from analytics.alerts import queries  # noqa: PLC0415 - models are loaded only now

        firing = Badge(queries.count_firing, words="firing")
        navigation.register(
            Section("Drift", page="drift-page", position=40),
            Section("Alerts", page="alerts-page", position=50, pages=frozenset({"alert-page"}), badge=firing),
        )
        tones.register(states.TONES, words=states.WORDS)
