"""`manage.py run`: the whole server from one command. Without options `manage.py` runs it without loading Django."""

from django.core.management.base import BaseCommand

from config.supervisor import serving


class Command(BaseCommand):
    """Run the server until SIGINT or SIGTERM."""

    help = "Runs the server: engines, web, workers, beat. Stop it with Ctrl-C."
    # The database does not run yet.
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *args: object, **options: object) -> None:  # noqa: ARG002 - Django's signature
        """Hold the home's lock, and serve."""
        serving.serve_until_stopped()
