"""docs/settings.md and config/environment.py say the same, both ways."""

import ast
import re

import pytest

from tests.house.project import ROOT

PAGE = ROOT / "docs" / "settings.md"
ROW = re.compile(
    r"^\| `(?P<name>[A-Z0-9_]+)` \| (?P<type>[^|]+) \| (?P<default>[^|]+) \| (?P<meaning>[^|]+) \| (?P<when>[^|]+) \|$"
)


def read_page():
    rows = [ROW.match(line) for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert all(rows), "a row of docs/settings.md does not have five cells"
    return {row["name"]: row for row in rows}


def read_code():
    """Every variable with its literal default: a call such as ``env.int("PORT", 8000)``."""
    found = {}
    for node in ast.walk(ast.parse((ROOT / "config" / "environment.py").read_text())):
        if not isinstance(node, ast.Call):
            continue
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        names = [text for text in texts if isinstance(text, str) and re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", text)]
        if names and isinstance(node.func, ast.Attribute | ast.Name):
            found[names[0]] = _default(node, name=names[0])
    return found


def _default(call, *, name):
    """The argument behind the name, where it is a literal or arithmetic on literals."""
    places = [place for place, argument in enumerate(call.args) if getattr(argument, "value", None) == name]
    given = call.args[places[0] + 1 :]
    if not given:
        return None
    try:
        return eval(compile(ast.Expression(given[0]), "environment.py", "eval"), {"__builtins__": {}})
    except NameError:
        return None


def test_every_setting_is_documented():
    assert sorted(set(read_code()) - set(read_page())) == []


def test_every_documented_setting_exists():
    assert sorted(set(read_page()) - set(read_code())) == []


def test_every_setting_is_documented_once():
    names = re.findall(r"^\| `([A-Z0-9_]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


@pytest.mark.parametrize("name", sorted(name for name, default in read_code().items() if default is not None))
def test_the_documented_default_is_the_real_one(name):
    default = read_code()[name]
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    assert re.search(rf"`?{re.escape(shown)}`?(?!\d)", read_page()[name]["default"])
