"""``manage.py create_api_token --name NAME --role ROLE``: print a new API token on standard output, and nothing else."""

from django.core.management.base import BaseCommand, CommandParser

from core import tokens
from core.actors import SYSTEM
from core.roles import Role


class Command(BaseCommand):
    """Create an API token for a program."""

    help = "Creates an API token and prints it on standard output, and nothing else. It is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the two required options."""
        parser.add_argument("--name", required=True, help="the purpose of the token, shown in the audit trail")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])

    def handle(self, *_args: object, name: str, role: str, **_options: object) -> None:
        """Create the token."""
        self.stdout.write(tokens.create(name, role=Role(role), actor=SYSTEM))
