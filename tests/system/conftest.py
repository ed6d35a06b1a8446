"""The tests of this folder share a real server."""

from tests.running_server import admin, new_home, server

__all__ = ["admin", "new_home", "server"]
