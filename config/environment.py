"""Every setting, typed, and read from the environment once, at the start. ``docs/settings.md`` explains each.

All problems are reported together, each with the name of its variable, before anything starts.
"""

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from environs import Env, EnvValidationError, ValidationError, validate

from core.errors import DomainError
from core.formats.durations import parse_duration

ROOT = Path(__file__).resolve().parent.parent
_KIND, _DEFAULT, _CHECK = "kind", "default", "check"


class InvalidSettings(DomainError):
    """One or more environment variables have wrong values."""

    code = "invalid_settings"


def _setting(kind: str, default: object, check: Callable[[Any], object] | None = None) -> Any:
    """Declare a setting: the parser of environs, the default in the form that a person writes, and a check of the value."""
    return field(metadata={_KIND: kind, _DEFAULT: default, _CHECK: check})


# The functions below say the type of the setting, not of what they return: dataclasses need a value that is a field.
def _text(default: str, *, one_of: Sequence[str] = ()) -> str:
    declared: str = _setting("str", default, validate.OneOf(one_of) if one_of else None)
    return declared


def _optional_text() -> str | None:
    declared: str | None = _setting("optional", None)
    return declared


def _address() -> str | None:
    declared: str | None = _setting("address", None)
    return declared


def _whole(default: int, *, at_least: int = 1, at_most: int | None = None) -> int:
    declared: int = _setting("int", default, validate.Range(min=at_least, max=at_most))
    return declared


def _texts() -> tuple[str, ...]:
    declared: tuple[str, ...] = _setting("texts", "")
    return declared


def _duration(default: str) -> timedelta:
    declared: timedelta = _setting("duration", default)
    return declared


_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of this process. The name of each is that of its variable, in small letters.

    ``None`` means that the variable is not set, and the embedded default is used.
    """

    modelfleet_home: Path = _setting("folder", None)
    host: str = _text("127.0.0.1")
    port: int = _whole(8000, at_most=_HIGHEST_PORT)
    files_port: int | None = _setting("int", None, validate.Range(min=1, max=_HIGHEST_PORT))
    files_public_url: str | None = _address()
    web_workers: int = _whole(2)
    web_threads: int = _whole(8)
    debug: bool = _setting("bool", default=False)
    log_format: str = _text("text", one_of=("text", "json"))
    database_url: str | None = _optional_text()
    redis_url: str | None = _optional_text()
    s3_endpoint_url: str | None = _address()
    s3_public_endpoint_url: str | None = _address()
    s3_bucket: str = _text("modelfleet")
    s3_access_key_id: str | None = _optional_text()
    s3_secret_access_key: str | None = _optional_text()
    s3_region: str = _text("us-east-1")
    secret_key: str | None = _optional_text()
    signing_key: str | None = _optional_text()
    public_url: str | None = _address()
    trusted_proxies: tuple[str, ...] = _texts()
    allowed_hosts: tuple[str, ...] = _texts()
    csrf_trusted_origins: tuple[str, ...] = _texts()
    max_upload_bytes: int = _whole(2 * 1024**3)
    max_ingest_bytes: int = _whole(8 * 1024**2)
    ingest_backlog_limit: int = _whole(50_000)
    download_url_seconds: int = _whole(6 * 3600)
    assignment_seconds: int = _whole(7 * 86_400)
    poll_after_seconds: int = _whole(300)
    probation_seconds: int = _whole(300, at_least=0)
    probation_inferences: int = _whole(50, at_least=0)
    deployment_lease: timedelta = _duration("24h")
    unreachable_after: timedelta = _duration("1h")
    rollout_interval: timedelta = _duration("5s")
    rollup_bucket: timedelta = _duration("1h")
    rollup_interval: timedelta = _duration("2s")
    landing_retention: timedelta = _duration("7d")
    dedupe_horizon: timedelta = _duration("30d")
    drift_window: timedelta = _duration("24h")
    drift_overdispersion: float = _setting("float", 20.0, validate.Range(min=1.0))
    evaluation_interval: timedelta = _duration("5m")
    sandbox_memory_bytes: int = _whole(0, at_least=0)
    sandbox_seconds: int = _whole(600)
    build_lease: timedelta = _duration("60s")
    build_time_per_version: timedelta = _duration("2h")
    build_cache_retention: timedelta = _duration("30d")
    builders: int | None = _setting("int", None, validate.Range(min=1, max=64))

    @property
    def home(self) -> Path:
        """The folder of all state."""
        return self.modelfleet_home


def list_defaults() -> dict[str, str | float | None]:
    """Return each variable with its default in the form that a person writes; None if the setting is off by default."""
    return {declared.name.upper(): declared.metadata[_DEFAULT] for declared in fields(Environment)}


def read() -> Environment:
    """Read and check all settings from ``os.environ``.

    Raises:
        InvalidSettings: At least one variable is wrong. The message names each, with its problem.
    """
    env = Env(eager=False)
    parsers = {"optional": _parse_optional, "texts": _parse_texts, "folder": _parse_folder, "duration": _parse_duration}
    for kind, parse in {**parsers, "address": _parse_address}.items():
        env.add_parser(kind, parse)
    values = {declared.name: _read_one(env, declared) for declared in fields(Environment)}
    try:
        env.seal()
    except EnvValidationError as error:
        messages = cast("dict[str, list[str]]", error.error_messages)
        problems = [f"{name}: {' '.join(map(str, found))}" for name, found in messages.items()]
        raise InvalidSettings("Settings that cannot be used:\n  " + "\n  ".join(problems)) from error
    found = Environment(**values)
    if found.s3_endpoint_url and not (found.s3_access_key_id and found.s3_secret_access_key):
        raise InvalidSettings("S3_ENDPOINT_URL is set, so S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set too.")
    return found


def _read_one(env: Env, declared: Field[Any]) -> Any:
    check = declared.metadata[_CHECK]
    parse = getattr(env, declared.metadata[_KIND])
    return parse(declared.name.upper(), declared.metadata[_DEFAULT], **({"validate": check} if check else {}))


def _parse_optional(value: str | None) -> str | None:
    # compose.yaml sets each variable that a person leaves out to an empty text.
    return value or None


def _parse_texts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _parse_folder(value: str | None) -> Path:
    return Path(value or ROOT / "var").expanduser().absolute()


def _parse_duration(value: str) -> timedelta:
    try:
        duration = parse_duration(value)
    except DomainError as error:
        raise ValidationError(error.detail) from error
    if duration < timedelta(seconds=1):
        raise ValidationError("must be at least one second.")
    return duration


def _parse_address(value: str | None) -> str | None:
    if not value:
        return None
    if not value.startswith(("http://", "https://")):
        raise ValidationError("must start with http:// or https://.")
    return value.rstrip("/")


environment = read()
