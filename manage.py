#!/usr/bin/env python
"""Runs Modelfleet's commands. If the server does not run, the embedded engines run until the command ends."""

import os
import sys

from core.errors import DomainError


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if sys.argv[1:] == ["run"]:
            # Past Django, which would be half of the supervisor's memory and a second of every start.
            from config.supervisor import serving  # noqa: PLC0415 - reads the settings, whose errors are shown below

            serving.serve_until_stopped()
            return
        from config import engines  # noqa: PLC0415 - reads the settings, whose errors are shown below

        with engines.for_command(sys.argv):
            from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the engines answer

            execute_from_command_line(sys.argv)
    except DomainError as error:
        sys.exit(f"error: {error.detail}")


if __name__ == "__main__":
    main()
