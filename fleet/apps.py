"""The app that Django loads."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    """fleet: devices and rollouts."""

    name = "fleet"

    def ready(self) -> None:
        """Tell the registry what the fleet knows: which versions are in use, which channels a rollout is moving."""
        from fleet import dependents  # noqa: PLC0415 - models are there only now
        from fleet.rollouts import verbs as rollouts  # noqa: PLC0415 - as above
        from registry import channels  # noqa: PLC0415 - as above
        from registry.versions import dependents as registry_dependents  # noqa: PLC0415 - as above

        registry_dependents.register(dependents.find_uses)
        channels.register_guard(rollouts.check_no_active_rollout)
