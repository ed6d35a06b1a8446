"""Says where the embedded engines of a home are. Starts nothing, so that Django's settings can ask during their import.

An address has its engine's password in it. It is read when somebody asks for the address, from the folder `keys/` of the home.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from config.engines import passwords
from config.engines.passwords import Password
from config.processes import spawning

DATABASE = "modelfleet"
# The role of the server and its commands. It owns its database, and has no other right.
APPLICATION = "modelfleet_app"
# The role that made the database. It is for maintenance; no process of the server uses it.
SUPERUSER = "modelfleet"
# A socket's address holds 107 bytes (unix(7)), and a home may have a longer path, so sockets need a short folder. It is
# fixed, because all processes must find the same one with any TMPDIR. `folders.make_private` refuses another user's folder.
RUN_FOLDERS = Path("/tmp")  # noqa: S108


class DjangoDatabase(TypedDict):
    """A database in the words of Django's setting DATABASES."""

    ENGINE: str
    NAME: str
    USER: str
    PASSWORD: str
    HOST: str
    PORT: str
    OPTIONS: dict[str, str]


@dataclass(frozen=True, slots=True)
class Engines:
    """The addresses of a home's engines, whether they run or not. Each is a secret: it has a password in it.

    Attributes:
        home: The home, without links in its path.
    """

    home: Path

    @property
    def database_url(self) -> str:
        """The address of the database, as the role of the application."""
        return self._build_database_url(APPLICATION, password=Password.POSTGRESQL)

    @property
    def superuser_url(self) -> str:
        """The address of the database as its superuser: for tests and for people."""
        return self._build_database_url(SUPERUSER, password=Password.POSTGRESQL_SUPERUSER)

    @property
    def redis_url(self) -> str:
        """The address of Redis."""
        return f"unix://:{passwords.read(self.home, Password.REDIS)}@{find_places(self.home).redis_socket}?db=0"

    def _build_database_url(self, role: str, *, password: Password) -> str:
        host = quote(str(find_places(self.home).postgresql_sockets), safe="")
        return f"postgresql://{role}:{passwords.read(self.home, password)}@/{DATABASE}?host={host}"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders in which the engines of one home keep their data and their sockets."""

    postgresql_data: Path
    postgresql_sockets: Path
    redis_data: Path
    redis_sockets: Path

    @property
    def postgresql_socket(self) -> Path:
        """The path of PostgreSQL's socket, which is named after the default port."""
        return self.postgresql_sockets / ".s.PGSQL.5432"

    @property
    def redis_socket(self) -> Path:
        """The path of Redis's socket."""
        return self.redis_sockets / "redis.sock"

    @property
    def redis_settings(self) -> Path:
        """The path of the file with Redis's settings, its password among them."""
        return self.redis_data / "redis.conf"


def find_places(home: Path) -> Places:
    """Return the folders of a home's engines: the same for every process and every spelling of the home's path."""
    home, name = home.expanduser().resolve(), spawning.identify(home)
    return Places(
        postgresql_data=home / "postgresql",
        postgresql_sockets=RUN_FOLDERS / f"modelfleet-{name}-postgresql",
        redis_data=home / "redis",
        redis_sockets=RUN_FOLDERS / f"modelfleet-{name}-redis",
    )


def locate(home: Path) -> Engines:
    """Return the addresses of the home's engines. The first question for an address makes its password, if there is none."""
    return Engines(home.expanduser().resolve())


def django_database(database_url: str) -> DjangoDatabase:
    """Return Django's settings for a database URL, read as libpq reads it (PostgreSQL manual, 32.1.1.2, Connection URIs)."""
    parts = urlsplit(database_url)
    parameters = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or parameters.pop("dbname", ""),
        "USER": unquote(parts.username or "") or parameters.pop("user", ""),
        "PASSWORD": unquote(parts.password or "") or parameters.pop("password", ""),
        "HOST": parts.hostname or parameters.pop("host", ""),
        "PORT": str(parts.port or parameters.pop("port", "")),
        "OPTIONS": parameters,
    }


def celery_broker(redis_url: str) -> str:
    """Return a Redis URL as Celery writes it: `redis+socket://` for a socket, any other URL unchanged."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"
