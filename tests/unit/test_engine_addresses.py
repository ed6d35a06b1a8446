"""Where the engines are, and the same address in the words of Django and of Celery."""

import stat
from pathlib import Path

import pytest

from config import engines
from config.engines import command, location


def test_a_socket_path_fits_into_a_socket_address_at_any_depth():
    places = location.find_places(Path("/" + "deep/" * 100))
    assert max(len(bytes(places.postgresql_socket)), len(bytes(places.redis_socket))) < 107


def test_two_homes_have_nothing_in_common():
    one, other = location.find_places(Path("/srv/one")), location.find_places(Path("/srv/other"))
    assert one.postgresql_sockets != other.postgresql_sockets
    assert one.redis_sockets != other.redis_sockets


def test_the_embedded_database_in_djangos_words(tmp_path):
    urls = engines.locate(tmp_path)
    settings = engines.django_database(urls.database_url)
    assert (settings["NAME"], settings["USER"]) == ("modelfleet", "modelfleet_app")
    assert settings["PASSWORD"] == (tmp_path / "keys" / "postgresql_password").read_text()
    assert settings["HOST"] == str(location.find_places(tmp_path).postgresql_sockets)
    assert settings["PORT"] == ""
    assert settings["OPTIONS"] == {}


def test_a_home_has_one_password_for_each_engine_and_role_in_private_files(tmp_path):
    urls = engines.locate(tmp_path)
    first = [urls.database_url, urls.superuser_url, urls.redis_url]
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == ["postgresql_password", "postgresql_superuser_password", "redis_password"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len({file.read_text() for file in files}) == 3
    assert min(len(file.read_text()) for file in files) >= 43
    assert [urls.database_url, urls.superuser_url, urls.redis_url] == first


def test_a_home_is_located_without_making_a_file(tmp_path):
    engines.locate(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_database_url_in_djangos_words():
    url = "postgresql://fleet:p%40ss%2Fword@db.example:6432/models%20one?sslmode=require&application_name=x"
    assert engines.django_database(url) == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "models one",
        "USER": "fleet",
        "PASSWORD": "p@ss/word",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require", "application_name": "x"},
    }


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://cache:6379/1", "redis://cache:6379/1"),
        ("rediss://:secret@cache/0", "rediss://:secret@cache/0"),
        ("unix:///tmp/redis.sock?db=0", "redis+socket:///tmp/redis.sock?virtual_host=0"),
        ("unix:///tmp/redis.sock?db=3", "redis+socket:///tmp/redis.sock?virtual_host=3"),
        ("unix://:secret@/tmp/redis.sock?db=0", "redis+socket://:secret@/tmp/redis.sock?virtual_host=0"),
    ],
)
def test_a_redis_url_in_celerys_words(redis_url, broker_url):
    assert engines.celery_broker(redis_url) == broker_url


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("manage.py create_api_token --name x", True),
        ("manage.py createsuperuser", True),
        ("manage.py migrate", True),
        ("manage.py", False),
        ("manage.py run", False),
        ("manage.py help migrate", False),
        ("manage.py migrate --help", False),
    ],
)
def test_only_commands_about_data_need_engines(line, needed):
    assert command.needs_engines(line.split()) is needed
