"""docs/settings.md and config/environment.py say the same, both ways."""

import re

import pytest

from config import environment
from tests.house.project import ROOT

PAGE = ROOT / "docs" / "settings.md"
ROW = re.compile(
    r"^\| `(?P<name>[A-Z0-9_]+)` \| (?P<type>[^|]+) \| (?P<default>[^|]+) \| (?P<meaning>[^|]+) \| (?P<when>[^|]+) \|$"
)


def read_page():
    rows = [ROW.match(line) for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert all(rows), "a row of docs/settings.md does not have five cells"
    return {row["name"]: row for row in rows}


def test_every_setting_is_documented():
    assert sorted(set(environment.list_defaults()) - set(read_page())) == []


def test_every_documented_setting_exists():
    assert sorted(set(read_page()) - set(environment.list_defaults())) == []


def test_every_setting_is_documented_once():
    names = re.findall(r"^\| `([A-Z0-9_]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


@pytest.mark.parametrize(
    "name", sorted(name for name, default in environment.list_defaults().items() if default is not None)
)
def test_the_documented_default_is_the_real_one(name):
    default = environment.list_defaults()[name]
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    assert re.search(rf"`?{re.escape(shown)}`?(?!\d)", read_page()[name]["default"])
