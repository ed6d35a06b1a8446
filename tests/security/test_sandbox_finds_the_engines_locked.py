"""Whoever reaches the sockets of the embedded engines still needs a password, and the application's role can do little."""

from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import errors

from config import engines
from config.engines import location


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """Engines of their own: those of the other tests may make databases."""
    with engines.running(tmp_path_factory.mktemp("home"), forgetful=True) as urls:
        yield urls


@pytest.fixture
def application(urls):
    with psycopg.connect(urls.database_url, autocommit=True) as connection:
        yield connection


def without_password(url):
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username or ''}@").geturl()


@pytest.mark.parametrize("url", ["database_url", "superuser_url"])
def test_postgresql_asks_every_role_for_its_password(urls, url):
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(without_password(getattr(urls, url)))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(getattr(urls, url), password="a guess")


def test_postgresql_has_one_way_in_for_all(urls):
    with psycopg.connect(urls.superuser_url) as superuser:
        ways = superuser.execute("SELECT DISTINCT type, auth_method FROM pg_hba_file_rules").fetchall()
        (without,) = superuser.execute(
            "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256$%'"
        ).fetchone()
    assert ways == [("local", "scram-sha-256")]
    assert without == 0


@pytest.mark.parametrize("password", [None, "a guess"])
def test_redis_asks_for_its_password(urls, password):
    socket = location.find_places(urls.home).redis_socket
    with (
        redis.Redis(unix_socket_path=str(socket), password=password) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_the_applications_role_has_no_attribute_and_no_membership(application):
    row = application.execute(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = current_user"
    )
    assert row.fetchone() == (False,) * 5
    memberships = application.execute(
        "SELECT roleid::regrole FROM pg_auth_members WHERE member = current_user::regrole"
    )
    assert memberships.fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_read_binary_file('/etc/passwd')",
        "SELECT pg_ls_dir('.')",
        "SELECT pg_stat_file('PG_VERSION')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(1, '/tmp/x')",
        "COPY pg_class TO PROGRAM 'cat'",
        "COPY pg_class TO '/tmp/x'",
        "CREATE TEMPORARY TABLE words (word text); COPY words FROM '/etc/passwd'",
        "CREATE TEMPORARY TABLE words (word text); COPY words FROM PROGRAM 'id'",
        "CREATE ROLE another",
        "CREATE DATABASE another",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "ALTER ROLE CURRENT_USER CREATEDB",
        "GRANT pg_read_server_files TO CURRENT_USER",
        "SET ROLE modelfleet",
        "ALTER SYSTEM SET log_connections = 'on'",
        "LOAD '/tmp/library.so'",
        "CREATE FUNCTION run(text) RETURNS int AS 'libc.so.6', 'system' LANGUAGE C",
        "CREATE SUBSCRIPTION another CONNECTION 'dbname=x' PUBLICATION y WITH (connect = false, slot_name = none)",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_the_applications_role_cannot(application, statement):
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(statement)


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_the_applications_role_connects_to_no_other_database(urls, database):
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(urls.database_url, dbname=database)


def test_the_applications_role_owns_its_database_and_nothing_of_the_system(application):
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert application.execute(owner).fetchone() == application.execute("SELECT current_user").fetchone()
    owned = application.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole AND oid < 16384")
    assert owned.fetchone() == (0,)
    application.execute("CREATE TABLE mine (number int)")
