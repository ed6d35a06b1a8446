"""The kinds of settings: a text, a number, a file ... Each kind checks a value, and reads it from a text of the environment.

A reader gets the setting's name (for the refusal), the raw value in the form of TOML, and the folder that relative paths
start from.
"""

import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent import names
from edge_agent.errors import AgentError

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LARGEST_COUNT = 2**53


class BadSetting(AgentError):
    """A setting is missing, unknown, or of the wrong kind; the message names it and says which values are good."""

    code = "bad_setting"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"setting {name}: {problem}")
        self.name = name


Reader = Callable[[str, object, Path], object]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of setting: `read` checks a raw value; `from_text` turns a text into the value that TOML would give."""

    read: Reader
    from_text: Callable[[str], object] = str


def _read_text(name: str, raw: object, _folder: Path) -> str:
    if not isinstance(raw, str) or not raw:
        raise BadSetting(name, f"must be a text that is not empty, not {raw!r}")
    return raw


def _read_name(name: str, raw: object, folder: Path) -> str:
    text = _read_text(name, raw, folder)
    if not names.NAME.fullmatch(text):
        raise BadSetting(name, f"{raw!r} does not match {names.NAME.pattern}")
    return text


def _read_names(name: str, raw: object, folder: Path) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise BadSetting(name, f"must be a list of model names, not {raw!r}")
    return tuple(_read_name(name, item, folder) for item in raw)


def _read_secret(name: str, raw: object, _folder: Path) -> str:
    # The refusal does not repeat the value: it ends up in logs.
    if not isinstance(raw, str) or not raw.strip():
        raise BadSetting(name, "must be a text that is not empty")
    return raw.strip()


def _read_url(name: str, raw: object, folder: Path) -> str:
    text = _read_text(name, raw, folder)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSetting(name, "must be an http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadSetting(name, "must hold no credentials, query or fragment")
    return text.rstrip("/")


def _read_labels(name: str, raw: object, _folder: Path) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise BadSetting(name, 'must be texts by name, as { site = "osaka" } or site=osaka,line=2')
    for key in raw:
        if not names.NAME.fullmatch(key):
            raise BadSetting(name, f"{key!r} does not match {names.NAME.pattern}")
    return dict(raw)


def _read_path(name: str, raw: object, folder: Path) -> Path:
    return folder / Path(_read_text(name, raw, folder)).expanduser()


def _read_file(name: str, raw: object, folder: Path) -> Path:
    path = _read_path(name, raw, folder)
    if not path.is_file():
        raise BadSetting(name, f"{path} is no file")
    return path


def _read_files(name: str, raw: object, folder: Path) -> tuple[Path, ...]:
    if not isinstance(raw, list):
        raise BadSetting(name, f"must be a list of paths, not {raw!r}")
    return tuple(_read_file(name, item, folder) for item in raw)


def _read_level(name: str, raw: object, _folder: Path) -> str:
    if not isinstance(raw, str) or raw.upper() not in LOG_LEVELS:
        raise BadSetting(name, f"must be one of {', '.join(LOG_LEVELS)}, not {raw!r}")
    return raw.upper()


def _read_number(name: str, raw: object, *, at_least: float, at_most: float) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise BadSetting(name, f"must be a number, not {raw!r}")
    if not at_least <= raw <= at_most:
        raise BadSetting(name, f"must be at least {at_least:g} and at most {at_most:g}, not {raw!r}")
    return float(raw)


def seconds(*, at_least: float, at_most: float) -> Kind:
    """Return the kind of a duration with bounds."""

    def read(name: str, raw: object, _folder: Path) -> float:
        return _read_number(name, raw, at_least=at_least, at_most=at_most)

    return Kind(read, _number_from_text)


def count(*, at_least: int, at_most: int = LARGEST_COUNT) -> Kind:
    """Return the kind of a whole number with bounds."""

    def read(name: str, raw: object, _folder: Path) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise BadSetting(name, f"must be a whole number, not {raw!r}")
        return int(_read_number(name, raw, at_least=at_least, at_most=at_most))

    return Kind(read, _number_from_text)


def _number_from_text(text: str) -> object:
    """Return a number; a text that is none stays a text, which the reader then refuses by name."""
    try:
        return float(text) if re.search(r"[.eE]", text) else int(text)
    except ValueError:
        return text


def _list_from_text(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _labels_from_text(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (part.partition("=") for part in _list_from_text(text))}


NAME = Kind(_read_name)
NAMES = Kind(_read_names, _list_from_text)
SECRET = Kind(_read_secret)
URL = Kind(_read_url)
LABELS = Kind(_read_labels, _labels_from_text)
FOLDER = Kind(_read_path)
FILE = Kind(_read_file)
FILES = Kind(_read_files, _list_from_text)
LEVEL = Kind(_read_level)
