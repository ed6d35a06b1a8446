"""Every setting, read from the environment once, typed and checked. ``docs/settings.md`` explains each.

All problems are reported together, each by its variable's name, before anything starts.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from environs import Env, EnvValidationError, ValidationError, validate

from core.durations import parse_duration
from core.errors import DomainError

ROOT = Path(__file__).resolve().parent.parent


class InvalidSettings(DomainError):
    """One or more environment variables have values that cannot be used."""

    code = "invalid_settings"


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings as the process was started with them. ``None`` means: not set, use the embedded default."""

    home: Path
    host: str
    port: int
    files_port: int | None
    files_public_url: str | None
    web_workers: int
    web_threads: int
    debug: bool
    log_format: str
    database_url: str | None
    redis_url: str | None
    s3_endpoint_url: str | None
    s3_public_endpoint_url: str | None
    s3_bucket: str
    s3_access_key_id: str | None
    s3_secret_access_key: str | None
    s3_region: str
    secret_key: str | None
    signing_key: str | None
    public_url: str | None
    trusted_proxies: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    max_upload_bytes: int
    max_ingest_bytes: int
    ingest_backlog_limit: int
    download_url_seconds: int
    assignment_seconds: int
    poll_after_seconds: int
    probation_seconds: int
    probation_inferences: int
    deployment_lease: timedelta
    unreachable_after: timedelta
    rollout_interval: timedelta
    rollup_bucket: timedelta
    rollup_interval: timedelta
    landing_retention: timedelta
    dedupe_horizon: timedelta
    drift_window: timedelta
    drift_overdispersion: float
    evaluation_interval: timedelta
    sandbox_memory_bytes: int
    sandbox_seconds: int
    build_lease: timedelta


def read() -> Environment:
    """Read and check all settings from ``os.environ``.

    Raises:
        InvalidSettings: Every variable that is wrong, with what is wrong about it.
    """
    env = Env(eager=False)
    env.add_parser("duration", _duration)
    env.add_parser("address", _address)
    values = _values(env)
    try:
        env.seal()
    except EnvValidationError as error:
        messages = cast("dict[str, list[str]]", error.error_messages)
        problems = [f"{name}: {' '.join(map(str, found))}" for name, found in messages.items()]
        raise InvalidSettings("Settings that cannot be used:\n  " + "\n  ".join(problems)) from error
    if values["s3_endpoint_url"] and not (values["s3_access_key_id"] and values["s3_secret_access_key"]):
        raise InvalidSettings("S3_ENDPOINT_URL is set, so S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set too.")
    return Environment(**values)


def _values(env: Any) -> dict[str, Any]:
    positive = validate.Range(min=1)
    port = validate.Range(min=1, max=65_535)
    return {
        "home": Path(env.str("MODELFLEET_HOME", str(ROOT / "var")) or ROOT / "var").expanduser().absolute(),
        "host": env.str("HOST", "127.0.0.1"),
        "port": env.int("PORT", 8000, validate=port),
        "files_port": env.int("FILES_PORT", None, validate=port),
        "files_public_url": env.address("FILES_PUBLIC_URL", None),
        "web_workers": env.int("WEB_WORKERS", 2, validate=positive),
        "web_threads": env.int("WEB_THREADS", 8, validate=positive),
        "debug": env.bool("DEBUG", False),
        "log_format": env.str("LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"])),
        "database_url": env.str("DATABASE_URL", None) or None,
        "redis_url": env.str("REDIS_URL", None) or None,
        "s3_endpoint_url": env.address("S3_ENDPOINT_URL", None),
        "s3_public_endpoint_url": env.address("S3_PUBLIC_ENDPOINT_URL", None),
        "s3_bucket": env.str("S3_BUCKET", "modelfleet"),
        "s3_access_key_id": env.str("S3_ACCESS_KEY_ID", None) or None,
        "s3_secret_access_key": env.str("S3_SECRET_ACCESS_KEY", None) or None,
        "s3_region": env.str("S3_REGION", "us-east-1"),
        "secret_key": env.str("SECRET_KEY", None) or None,
        "signing_key": env.str("SIGNING_KEY", None) or None,
        "public_url": env.address("PUBLIC_URL", None),
        "trusted_proxies": _list(env, "TRUSTED_PROXIES"),
        "allowed_hosts": _list(env, "ALLOWED_HOSTS"),
        "csrf_trusted_origins": _list(env, "CSRF_TRUSTED_ORIGINS"),
        "max_upload_bytes": env.int("MAX_UPLOAD_BYTES", 2 * 1024**3, validate=positive),
        "max_ingest_bytes": env.int("MAX_INGEST_BYTES", 8 * 1024**2, validate=positive),
        "ingest_backlog_limit": env.int("INGEST_BACKLOG_LIMIT", 50_000, validate=positive),
        "download_url_seconds": env.int("DOWNLOAD_URL_SECONDS", 6 * 3600, validate=positive),
        "assignment_seconds": env.int("ASSIGNMENT_SECONDS", 7 * 86_400, validate=positive),
        "poll_after_seconds": env.int("POLL_AFTER_SECONDS", 300, validate=positive),
        "probation_seconds": env.int("PROBATION_SECONDS", 300, validate=validate.Range(min=0)),
        "probation_inferences": env.int("PROBATION_INFERENCES", 50, validate=validate.Range(min=0)),
        "deployment_lease": env.duration("DEPLOYMENT_LEASE", "24h"),
        "unreachable_after": env.duration("UNREACHABLE_AFTER", "1h"),
        "rollout_interval": env.duration("ROLLOUT_INTERVAL", "5s"),
        "rollup_bucket": env.duration("ROLLUP_BUCKET", "1h"),
        "rollup_interval": env.duration("ROLLUP_INTERVAL", "2s"),
        "landing_retention": env.duration("LANDING_RETENTION", "7d"),
        "dedupe_horizon": env.duration("DEDUPE_HORIZON", "30d"),
        "drift_window": env.duration("DRIFT_WINDOW", "24h"),
        "drift_overdispersion": env.float("DRIFT_OVERDISPERSION", 20.0, validate=validate.Range(min=1.0)),
        "evaluation_interval": env.duration("EVALUATION_INTERVAL", "5m"),
        "sandbox_memory_bytes": env.int("SANDBOX_MEMORY_BYTES", 4 * 1024**3, validate=positive),
        "sandbox_seconds": env.int("SANDBOX_SECONDS", 600, validate=positive),
        "build_lease": env.duration("BUILD_LEASE", "60s"),
    }


def _duration(value: str) -> timedelta:
    try:
        duration = parse_duration(value)
    except DomainError as error:
        raise ValidationError(error.detail) from error
    if duration < timedelta(seconds=1):
        raise ValidationError("must be at least one second.")
    return duration


def _address(value: str | None) -> str | None:
    if not value:
        return None
    if not value.startswith(("http://", "https://")):
        raise ValidationError("must start with http:// or https://.")
    return value.rstrip("/")


def _list(env: Any, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in env.list(name, []) if part.strip())


environment = read()
