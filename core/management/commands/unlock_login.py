"""``manage.py unlock_login [--name NAME] [--address ADDRESS]``: let people log in again at once."""

from django.core.management.base import BaseCommand, CommandParser

from core.guessing import logins


class Command(BaseCommand):
    """End the wait after too many wrong passwords."""

    help = "Ends the wait after too many wrong passwords: of a name, of an address, or, without options, of everybody."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--name", help="the person's name for the login, at all addresses")
        parser.add_argument("--address", help="the address that the person logs in from, for all names")

    def handle(self, *_args: object, name: str | None, address: str | None, **_options: object) -> None:
        """Empty the counts."""
        self.stdout.write(f"ended {logins.unlock(name=name, address=address)} counts of wrong passwords")
