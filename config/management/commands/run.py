"""`manage.py run`: the whole server from one command. Without options manage.py goes there directly."""

from typing import Any

from django.core.management.base import BaseCommand

from config.supervisor import serving


class Command(BaseCommand):
    """Run the server until SIGINT or SIGTERM."""

    help = "Runs the server: engines, web, workers, beat. Stop it with Ctrl-C."
    # The database is not there yet.
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Hold the home, and serve."""
        serving.serve_until_stopped()
