"""Where the embedded engines of a home are. Touches nothing, so that settings can ask while they are imported."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from config.processes import spawning

DATABASE = "modelfleet"
# A socket's address holds 107 bytes (unix(7)), and a home may be at any depth; every process has to arrive at the same
# folder whatever its TMPDIR says, so the place is fixed. `folders.make_private` refuses one that is not ours.
RUN_FOLDERS = Path("/tmp")  # noqa: S108


@dataclass(frozen=True, slots=True)
class Engines:
    """How to connect to a home's engines, whether they run or not."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the engines of one home keep their state and their sockets."""

    postgresql_data: Path
    postgresql_sockets: Path
    redis_data: Path
    redis_sockets: Path

    @property
    def postgresql_socket(self) -> Path:
        """The socket's path; PostgreSQL names it after its default port."""
        return self.postgresql_sockets / ".s.PGSQL.5432"

    @property
    def redis_socket(self) -> Path:
        """The path of the socket that Redis makes."""
        return self.redis_sockets / "redis.sock"


def find_places(home: Path) -> Places:
    """Return the places of a home; the same for every process and every way to write the home's path."""
    home, name = home.expanduser().resolve(), spawning.identify(home)
    return Places(
        postgresql_data=home / "postgresql",
        postgresql_sockets=RUN_FOLDERS / f"modelfleet-{name}-postgresql",
        redis_data=home / "redis",
        redis_sockets=RUN_FOLDERS / f"modelfleet-{name}-redis",
    )


def locate(home: Path) -> Engines:
    """Return the addresses of the home's engines."""
    places = find_places(home)
    return Engines(
        database_url=f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(places.postgresql_sockets), safe='')}",
        redis_url=f"unix://{places.redis_socket}?db=0",
    )


def django_database(database_url: str) -> dict[str, object]:
    """Return Django's settings for a database URL as libpq reads it (PostgreSQL manual, 32.1.1.2, connection URIs)."""
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
    """Return the same Redis as Celery writes it: `redis+socket://` for a socket, anything else unchanged."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={database}"
