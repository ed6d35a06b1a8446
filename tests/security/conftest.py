"""The attacks on a whole server share one."""

from tests.running_server import admin, new_home, server

__all__ = ["admin", "new_home", "server"]
