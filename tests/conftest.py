"""Every test process has a home of its own; its PostgreSQL and Redis start with the first test that needs them.

DATABASE_URL and REDIS_URL, where they are set, are used instead.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.running_server import admin, new_home, server

if TYPE_CHECKING:
    from tests.s3_server import S3Server

# One real server is shared by all folders.
__all__ = ["admin", "new_home", "server"]

HOME = Path(tempfile.mkdtemp(prefix="mf-test-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "MODELFLEET_HOME": str(HOME)}

import django

django.setup()
# The hash of the product is slow on purpose. Tests set many passwords, and none of them is a secret.
django.conf.settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# pytest's parallel workers inherit the environment, and would read the settings before they have a home of their own.
del os.environ["DJANGO_SETTINGS_MODULE"]


# Files that take longest. A process that began one of them last would run alone to the end.
LONG = (
    "tests/agent/test_power_cut.py",
    "tests/services/engines/test_run.py",
    "tests/system/test_running_server.py",
    "tests/browser/",
    "tests/security/test_authorization_matrix.py",
    "tests/security/test_a_device_cannot_take_pages_down.py",
    "tests/agent/test_kills.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; all others keep their random order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session")
def running_engines() -> Iterator[None]:
    """The embedded engines, for as long as the session."""
    from config import engines

    with engines.running(HOME, forgetful=True):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(running_engines: None) -> None:
    """pytest-django's hook: whoever needs the database needs the engines. The server's role may make none, so it is lent the right."""
    _change_role("ALTER ROLE modelfleet_app CREATEDB", "GRANT CONNECT ON DATABASE postgres TO modelfleet_app")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """The tests themselves run with the rights that the server's role has."""
    _change_role("ALTER ROLE modelfleet_app NOCREATEDB")
    _let_tests_empty_the_trail()


def _change_role(*statements: str) -> None:
    import psycopg

    from config import engines
    from config.environment import environment

    if environment.database_url is None:
        with psycopg.connect(engines.locate(HOME).superuser_url, autocommit=True) as superuser:
            for statement in statements:
                superuser.execute(statement)


def _let_tests_empty_the_trail() -> None:
    """Tests that commit empty all tables after them. The product refuses to empty the audit trail."""
    from django.db import connection

    flush = connection.ops.execute_sql_flush

    def flush_with_the_trail(statements: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER audit_is_not_truncated")
            try:
                flush(statements)
            finally:
                cursor.execute("ALTER TABLE core_auditentry ENABLE TRIGGER audit_is_not_truncated")

    connection.ops.execute_sql_flush = flush_with_the_trail


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """An S3 server, for as long as the session."""
    from tests import s3_server

    with s3_server.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def api(db: None) -> Any:
    """A factory of REST clients: ``api("operator")`` bears a token of that role, ``api()`` none."""
    from rest_framework.test import APIClient

    from core import tokens
    from core.actors import SYSTEM
    from core.roles import Role

    def client(role: str | None = None) -> APIClient:
        found = APIClient()
        if role:
            found.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.create(role, role=Role(role), actor=SYSTEM)}")
        return found

    return client


@pytest.fixture
def person(db: None) -> Any:
    """``person("ml_engineer")`` is a browser logged in as somebody of that role."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    def log_in(role: str, **options: Any) -> Client:
        user = User.objects.create_user(f"a-{role}", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        browser = Client(**options)
        browser.force_login(user)
        return browser

    return log_in
