"""``manage.py prepare``: make database and object store ready for this release. Running it again changes nothing."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from registry.storage import installed


class Command(BaseCommand):
    """Apply migrations, make the bucket, make the signing key."""

    help = "Applies migrations, makes the bucket (S3) and the signing key. Run it before each new release serves."
    requires_migrations_checks = False

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prepare everything that the other processes count on."""
        call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout)
        installed.make_ready()
        self.stdout.write("ready to serve")
