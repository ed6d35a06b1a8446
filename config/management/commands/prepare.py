"""`manage.py prepare`: make the database and the object store ready for this release. A second run changes nothing."""

from django.core.management import call_command
from django.core.management.base import BaseCommand

from registry.manifests import configured_keys
from registry.storage import configured_store


class Command(BaseCommand):
    """Apply migrations, and make the bucket and the signing key if they are missing."""

    help = "Applies migrations, makes the bucket (S3) and the signing key. Run it before each new release serves."
    requires_migrations_checks = False

    def handle(self, *_args: object, **_options: object) -> None:
        """Prepare what every other process of the server needs."""
        call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout)
        configured_store.make_ready()
        configured_keys.signing_key()
        self.stdout.write("ready to serve")
