"""``manage.py create_api_token --name NAME --role ROLE``: print a new API token, alone, on standard output."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core import tokens
from core.actors import SYSTEM
from core.roles import Role


class Command(BaseCommand):
    """Create an API token for a program."""

    help = "Create an API token and print it, alone, on standard output. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the two required options."""
        parser.add_argument("--name", required=True, help="what the token is for, shown in the audit trail")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])

    def handle(self, *_args: Any, name: str, role: str, **_options: Any) -> None:
        """Create the token."""
        self.stdout.write(tokens.create(name, role=Role(role), actor=SYSTEM))
