"""Every refusal has a code of its own, and docs/errors.md explains each code."""

import importlib
import pkgutil
import re

import pytest

from config.web import problems
from core.errors import DomainError
from tests.house.project import APPS, ROOT, section

PAGE = ROOT / "docs" / "errors.md"


@pytest.fixture(scope="module")
def refusals():
    """Every subclass of DomainError, by its code."""
    for app in APPS:
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if ".migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found = {}
    for refusal in _subclasses(DomainError):
        if "code" in vars(refusal) and refusal.__module__.split(".")[0] in APPS:
            found.setdefault(refusal.code, []).append(refusal)
    return found


@pytest.fixture(scope="module")
def other_codes():
    """Codes of Django's and DRF's own errors, as config/web/problems.py names them, with their status."""
    codes = {code: status for status, code in problems._CODES.items()}
    codes |= {code: status for status, code, _ in problems._DJANGO.values()}
    text = (ROOT / "config" / "web" / "problems.py").read_text()
    return codes | {code: int(status) for status, code in re.findall(r'problem\((\d{3}), code="(\w+)"', text)}


def _subclasses(kind):
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def read_table(heading):
    """The rows of one section: code, then its statuses."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d, ]+) \| (.+) \|$", section(PAGE, heading), flags=re.MULTILINE)
    return {code: {int(status) for status in statuses.split(",")} for code, statuses, _ in rows}


def read_page():
    return read_table("## Over HTTP") | read_table("## On the command line") | read_table("## In the log")


def test_every_refusal_has_a_stable_code(refusals):
    assert [code for code in refusals if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)] == []


def test_every_code_is_explained_with_its_status(refusals, other_codes):
    real = {code: {kind.kind.value for kind in kinds} for code, kinds in refusals.items()}
    for code, status in other_codes.items():
        real.setdefault(code, set()).add(status)
    documented = read_page()
    assert sorted(set(real) - set(documented)) == [], "not explained in docs/errors.md"
    assert sorted(set(documented) - set(real)) == [], "explained, but no such code"
    assert {code: real[code] for code in real if documented[code] != real[code]} == {}, "explained with another status"


def test_a_code_is_explained_once():
    codes = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(code for code in set(codes) if codes.count(code) > 1) == []
