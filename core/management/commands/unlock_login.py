"""``manage.py unlock_login [--name NAME] [--address ADDRESS]``: let people log in again at once."""

from typing import Final

from django.core.management.base import BaseCommand, CommandParser

from core.guessing import logins

_KINDS: Final = {"address": "of an address", "name": "of a name", "pair": "of a name at an address"}


class Command(BaseCommand):
    """End the wait after too many wrong passwords."""

    help = "Ends the wait after too many wrong passwords: of a name, of an address, of a name at an address, or of everybody."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--name", help="the person's name for the login, at all addresses, or at the one of --address"
        )
        parser.add_argument(
            "--address", help="the address that the person logs in from, for all names, or also for --name"
        )

    def handle(self, *_args: object, name: str | None, address: str | None, **_options: object) -> None:
        """Empty the counts, and say which."""
        ended = logins.unlock(name=name, address=address)
        parts = [f"{count} {_KINDS[kind]}" for kind, count in ended.items() if count]
        if parts:
            self.stdout.write(f"ended the waits and counts of wrong passwords: {', '.join(parts)}")
        else:
            self.stdout.write("nothing to end: no wrong passwords are counted there")
