"""The agent's settings: a TOML file, overridden by `EDGE_AGENT_*` in the environment, typed and checked before any work.

`README.md` explains each field of `Settings`; a test compares the two lists.
"""

import dataclasses
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_agent.errors import AgentError

ENVIRONMENT_PREFIX = "EDGE_AGENT_"
CONFIG_VARIABLE = "EDGE_AGENT_CONFIG"
DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class BadSetting(AgentError):
    """A setting is missing, unknown, or of the wrong kind; the message names it and says what would do."""

    code = "bad_setting"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"setting {name}: {problem}")
        self.name = name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of the agent, checked."""

    server_url: str
    device_id: str
    target: str = "generic-cpu"
    enrollment_key: str | None = dataclasses.field(default=None, repr=False)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    home: Path = Path("~/.local/state/edge-agent")
    models: tuple[str, ...] = ()
    fallback_model: Path | None = None
    verify_keys: tuple[Path, ...] = ()
    poll_seconds: float | None = None
    heartbeat_seconds: float = 60.0
    http_timeout_seconds: float = 30.0
    retry_max_seconds: float = 300.0
    self_test_timeout_seconds: float = 120.0
    max_consecutive_errors: int = 5
    max_model_bytes: int = 2 * 1024**3
    min_free_bytes: int = 64 * 1024**2
    daily_download_bytes: int | None = None
    telemetry_batch_size: int = 500
    telemetry_flush_seconds: float = 10.0
    telemetry_max_records: int = 100_000
    log_level: str = "INFO"


def load(config: Path | None, *, environment: Mapping[str, str]) -> Settings:
    """Read the settings from a TOML file (optional) and the environment, which wins.

    Paths in the file are relative to the file, paths in the environment to the working folder.

    Raises:
        BadSetting: the first value that does not do, by name.
    """
    values = _from_file(config) if config is not None else {}
    values.update(_from_environment(environment))
    for field in dataclasses.fields(Settings):
        if field.name not in values and field.name in {"server_url", "device_id"}:
            raise BadSetting(
                field.name, f"is required (in the TOML file or as {ENVIRONMENT_PREFIX}{field.name.upper()})"
            )
    settings = Settings(**values)
    return dataclasses.replace(settings, home=settings.home.expanduser().absolute())


def _from_file(config: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting("--config", f"cannot read {config}: {error}") from error
    values = {}
    for name, raw in document.items():
        if name not in READERS:
            raise BadSetting(name, f"is unknown (in {config}); known: {', '.join(sorted(READERS))}")
        values[name] = READERS[name](name, raw, config.parent.absolute())
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in READERS:
            raise BadSetting(variable, "is unknown")
        values[name] = READERS[name](variable, _raw(name, text), Path.cwd())
    return values


def _raw(name: str, text: str) -> object:
    """Give an environment text the shape that TOML would give it."""
    if name in {"models", "verify_keys"}:
        return [part.strip() for part in text.split(",") if part.strip()]
    if name == "labels":
        return dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    if name in NUMBERS:
        try:
            return float(text) if "." in text or "e" in text.lower() else int(text)
        except ValueError:
            return text
    return text


Reader = Callable[[str, object, Path], Any]


def _text(pattern: re.Pattern[str] | None = None) -> Reader:
    def read(name: str, raw: object, _folder: Path) -> str:
        if not isinstance(raw, str) or not raw:
            raise BadSetting(name, f"must be a text that is not empty, not {raw!r}")
        if pattern is not None and not pattern.fullmatch(raw):
            raise BadSetting(name, f"{raw!r} does not match {pattern.pattern}")
        return raw

    return read


def _secret(name: str, raw: object, _folder: Path) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise BadSetting(name, "must be a text that is not empty")
    return raw.strip()


def _url(name: str, raw: object, _folder: Path) -> str:
    text = _text()(name, raw, _folder)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSetting(name, "must be an http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadSetting(name, "must hold no credentials, query or fragment")
    return str(text).rstrip("/")


def _number(*, at_least: float, at_most: float = math.inf) -> Reader:
    def read(name: str, raw: object, _folder: Path) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
            raise BadSetting(name, f"must be a number, not {raw!r}")
        if not at_least <= raw <= at_most:
            raise BadSetting(name, f"must be at least {at_least:g} and at most {at_most:g}, not {raw!r}")
        return float(raw)

    return read


def _count(*, at_least: int, at_most: int = 2**53) -> Reader:
    def read(name: str, raw: object, folder: Path) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise BadSetting(name, f"must be a whole number, not {raw!r}")
        return int(_number(at_least=at_least, at_most=at_most)(name, raw, folder))

    return read


def _labels(name: str, raw: object, _folder: Path) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise BadSetting(name, 'must be texts by name, as { site = "osaka" } or site=osaka,line=2')
    for key in raw:
        if not SLUG.fullmatch(key):
            raise BadSetting(name, f"{key!r} does not match {SLUG.pattern}")
    return dict(raw)


def _slugs(name: str, raw: object, folder: Path) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise BadSetting(name, f"must be a list of model names, not {raw!r}")
    return tuple(_text(SLUG)(name, item, folder) for item in raw)


def _folder(name: str, raw: object, folder: Path) -> Path:
    return folder / Path(_text()(name, raw, folder)).expanduser()


def _file(name: str, raw: object, folder: Path) -> Path:
    path = _folder(name, raw, folder)
    if not path.is_file():
        raise BadSetting(name, f"{path} is no file")
    return path


def _files(name: str, raw: object, folder: Path) -> tuple[Path, ...]:
    if not isinstance(raw, list):
        raise BadSetting(name, f"must be a list of paths, not {raw!r}")
    return tuple(_file(name, item, folder) for item in raw)


def _level(name: str, raw: object, _folder: Path) -> str:
    if not isinstance(raw, str) or raw.upper() not in LOG_LEVELS:
        raise BadSetting(name, f"must be one of {', '.join(LOG_LEVELS)}, not {raw!r}")
    return raw.upper()


READERS: dict[str, Reader] = {
    "server_url": _url,
    "device_id": _text(DEVICE_ID),
    "target": _text(SLUG),
    "enrollment_key": _secret,
    "labels": _labels,
    "home": _folder,
    "models": _slugs,
    "fallback_model": _file,
    "verify_keys": _files,
    "poll_seconds": _number(at_least=0.05, at_most=86_400),
    "heartbeat_seconds": _number(at_least=0.05, at_most=86_400),
    "http_timeout_seconds": _number(at_least=0.05, at_most=3_600),
    "retry_max_seconds": _number(at_least=0.05, at_most=86_400),
    "self_test_timeout_seconds": _number(at_least=1, at_most=86_400),
    "max_consecutive_errors": _count(at_least=1),
    "max_model_bytes": _count(at_least=1),
    "min_free_bytes": _count(at_least=0),
    "daily_download_bytes": _count(at_least=1),
    "telemetry_batch_size": _count(at_least=1, at_most=10_000),
    "telemetry_flush_seconds": _number(at_least=0.05, at_most=86_400),
    "telemetry_max_records": _count(at_least=100),
    "log_level": _level,
}
NUMBERS = frozenset(name for name in READERS if name.endswith(("_seconds", "_bytes", "_size", "_records", "_errors")))


def default_home() -> Path:
    """Return the home folder that an application without settings of its own looks in."""
    text = os.environ.get(f"{ENVIRONMENT_PREFIX}HOME", str(Settings.home))
    return Path(text).expanduser().absolute()
