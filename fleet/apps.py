"""The app that Django loads."""

from django.apps import AppConfig

from console import navigation, tones
from console.navigation import Section
from fleet import states

SECTIONS = (
    Section(
        "Fleet",
        page="fleet-page",
        position=10,
        pages=frozenset({"device-page", "enrollment-keys-page", "new-enrollment-key"}),
    ),
    Section("Rollouts", page="rollouts-page", position=30, pages=frozenset({"new-rollout", "rollout-page"})),
)


class FleetConfig(AppConfig):
    """fleet: devices and rollouts."""

    name = "fleet"

    def ready(self) -> None:
        """Register with the console, and tell the registry which versions and channels the fleet uses."""
        from fleet import dependents  # noqa: PLC0415 - models are there only now
        from fleet.rollouts import verbs as rollouts  # noqa: PLC0415 - as above
        from registry import channels  # noqa: PLC0415 - as above
        from registry.versions import dependents as registry_dependents  # noqa: PLC0415 - as above

        navigation.register(*SECTIONS)
        tones.register(states.TONES)
        registry_dependents.register(dependents.find)
        channels.register_guard(rollouts.check_no_active_rollout)
