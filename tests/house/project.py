"""The project as it lies on disk: what the rules of this folder are about."""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "console", "core", "registry", "fleet", "ingest", "analytics")
# Made by tools or by running, whatever .gitignore says.
NEVER_OURS = (".*", "__pycache__", "*.pyc")


def ignored_patterns() -> tuple[str, ...]:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return NEVER_OURS + tuple(line.strip().strip("/") for line in lines if line.strip())


def list_files(*, suffix: str = "") -> list[Path]:
    """Every file that could be committed, dot folders left out."""
    return sorted(path for path in _walk(ROOT) if path.name.endswith(suffix))


def list_top_level() -> set[str]:
    """Names at the root, a folder with a slash behind it."""
    patterns = ignored_patterns()
    return {
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in ROOT.iterdir()
        if not any(fnmatch.fnmatch(entry.name, pattern) for pattern in patterns)
    }


def section(document: Path, heading: str) -> str:
    """The text between a heading and the next one of its level or above."""
    level = heading.split(" ", 1)[0]
    found, inside = [], False
    for line in document.read_text().splitlines():
        if line == heading:
            inside = True
        elif inside and line.startswith("#") and len(line.split(" ", 1)[0]) <= len(level) and not line.startswith("#!"):
            break
        elif inside:
            found.append(line)
    assert inside, f"{document.name} has no {heading!r}"
    return "\n".join(found)


def _walk(folder: Path) -> Iterator[Path]:
    patterns = ignored_patterns()
    for parent, folders, files in os.walk(folder):
        here = Path(parent).relative_to(ROOT).as_posix()
        kept = [name for name in folders if not _is_ignored(name, f"{here}/{name}".removeprefix("./"), patterns)]
        folders[:] = kept
        yield from (
            Path(parent) / name
            for name in files
            if not _is_ignored(name, f"{here}/{name}".removeprefix("./"), patterns)
        )


def _is_ignored(name: str, path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) or path == pattern for pattern in patterns)
