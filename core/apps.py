"""The app that Django loads, and one group of people per role."""

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.signals import user_logged_in
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from core.roles import Role


class CoreConfig(AppConfig):
    """core: API tokens, roles and the audit trail."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Create the groups after each migration, and watch changes of people.

        An administrator gives people a role by adding them to its group.
        """
        from core.people import auditing  # noqa: PLC0415 - it needs the models

        post_migrate.connect(create_role_groups, sender=self)
        connection_created.connect(auditing.watch_connection)
        user_logged_in.connect(auditing.record_login)


def create_role_groups(*, using: str, apps: Apps = installed, **_signal: object) -> None:
    """Create the group of each role that has none, so that a deleted group comes back with the next migration."""
    try:
        group = apps.get_model("auth", "Group")
    except LookupError:  # auth itself is not migrated yet
        return
    for role in Role:
        group.objects.using(using).get_or_create(name=role.value)
