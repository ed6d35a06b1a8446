"""The app that Django loads."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate

from core.roles import Role


class CoreConfig(AppConfig):
    """core: tokens and audit."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep one group per role, by which an administrator gives people their role in the web admin."""
        post_migrate.connect(create_role_groups, sender=self)


def create_role_groups(*, using: str, apps: Any = installed, **_signal: Any) -> None:
    """Create the groups that are missing. After each migration, so that a role is there whatever became of its group."""
    try:
        group = apps.get_model("auth", "Group")
    except LookupError:  # auth itself is not migrated yet
        return
    for role in Role:
        group.objects.using(using).get_or_create(name=role.value)
