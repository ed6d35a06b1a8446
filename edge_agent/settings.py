"""The agent's settings: a TOML file, overridden by `EDGE_AGENT_*` in the environment, checked before any work.

Each setting is one line of `Settings`: its name, its type, its kind and its default. `README.md` explains every one of
them; a test compares the two lists.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from edge_agent import setting_kinds as kinds
from edge_agent.setting_kinds import BadSetting

ENVIRONMENT_PREFIX = "EDGE_AGENT_"
CONFIG_VARIABLE = "EDGE_AGENT_CONFIG"
SHORTEST = 0.05
DAY = 86_400


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of the agent. A setting without a default is required."""

    server_url: Annotated[str, kinds.URL]
    device_id: Annotated[str, kinds.NAME]
    target: Annotated[str, kinds.NAME] = "generic-cpu"
    enrollment_key: Annotated[str | None, kinds.SECRET] = dataclasses.field(default=None, repr=False)
    labels: Annotated[dict[str, str], kinds.LABELS] = dataclasses.field(default_factory=dict)
    home: Annotated[Path, kinds.FOLDER] = Path("~/.local/state/edge-agent")
    models: Annotated[tuple[str, ...], kinds.NAMES] = ()
    fallback_model: Annotated[Path | None, kinds.FILE] = None
    verify_keys: Annotated[tuple[Path, ...], kinds.FILES] = ()
    poll_seconds: Annotated[float | None, kinds.seconds(at_least=SHORTEST, at_most=DAY)] = None
    heartbeat_seconds: Annotated[float, kinds.seconds(at_least=SHORTEST, at_most=DAY)] = 60.0
    http_timeout_seconds: Annotated[float, kinds.seconds(at_least=SHORTEST, at_most=3_600)] = 30.0
    retry_max_seconds: Annotated[float, kinds.seconds(at_least=SHORTEST, at_most=DAY)] = 300.0
    self_test_timeout_seconds: Annotated[float, kinds.seconds(at_least=1, at_most=DAY)] = 120.0
    max_consecutive_errors: Annotated[int, kinds.count(at_least=1)] = 5
    max_model_bytes: Annotated[int, kinds.count(at_least=1)] = 2 * 1024**3
    min_free_bytes: Annotated[int, kinds.count(at_least=0)] = 64 * 1024**2
    daily_download_bytes: Annotated[int | None, kinds.count(at_least=1)] = None
    telemetry_batch_size: Annotated[int, kinds.count(at_least=1, at_most=10_000)] = 500
    telemetry_flush_seconds: Annotated[float, kinds.seconds(at_least=SHORTEST, at_most=DAY)] = 10.0
    telemetry_max_records: Annotated[int, kinds.count(at_least=100)] = 100_000
    log_level: Annotated[str, kinds.LEVEL] = "INFO"


KINDS: dict[str, kinds.Kind] = {name: hint.__metadata__[0] for name, hint in Settings.__annotations__.items()}
REQUIRED = tuple(
    field.name
    for field in dataclasses.fields(Settings)
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
)

# Checked values by the name of their setting; the kinds of `Settings` have checked each type.
Values = dict[str, Any]


def load(config: Path | None, *, environment: Mapping[str, str]) -> Settings:
    """Read the settings from a TOML file (optional) and the environment, which wins.

    Paths in the file are relative to the file, paths in the environment to the working folder.

    Raises:
        BadSetting: a value is missing, unknown or wrong; the message names the first one.
    """
    values = _from_file(config) if config is not None else {}
    values.update(_from_environment(environment))
    for name in REQUIRED:
        if name not in values:
            raise BadSetting(name, f"is required (in the TOML file or as {ENVIRONMENT_PREFIX}{name.upper()})")
    settings = Settings(**values)
    return dataclasses.replace(settings, home=settings.home.expanduser().absolute())


def find_config(environment: Mapping[str, str]) -> Path | None:
    """Return the TOML file that the environment names; None where it names none."""
    named = environment.get(CONFIG_VARIABLE)
    return Path(named) if named else None


def find_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder for an application, which reads no settings file: the environment's, else the default."""
    text = environment.get(f"{ENVIRONMENT_PREFIX}HOME", str(Settings.home))
    return Path(text).expanduser().absolute()


def find_fallback_model(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the fall-back model that the environment names for an application; None where it names none."""
    return environment.get(f"{ENVIRONMENT_PREFIX}FALLBACK_MODEL")


def _from_file(config: Path) -> Values:
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting("--config", f"cannot read {config}: {error}") from error
    values: Values = {}
    for name, raw in document.items():
        if name not in KINDS:
            raise BadSetting(name, f"is unknown (in {config}); known: {', '.join(sorted(KINDS))}")
        values[name] = KINDS[name].read(name, raw, config.parent.absolute())
    return values


def _from_environment(environment: Mapping[str, str]) -> Values:
    values: Values = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in KINDS:
            raise BadSetting(variable, "is unknown")
        values[name] = KINDS[name].read(variable, KINDS[name].from_text(text), Path.cwd())
    return values
