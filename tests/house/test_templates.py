"""What no template may hold: addresses written by hand, states as text, and lines too long to read."""

import re

import pytest

from tests.house.project import ROOT, list_files

TEMPLATES = [path for path in list_files(suffix=".html") if "vendor" not in path.parts]
LONGEST_LINE = 160
# A template's dot looks for a key before it looks for a method: ``labels.items`` is the value of a label named "items".
METHODS = sorted(name for name in {*dir(dict), *dir(list)} if not name.startswith("_"))
RULES = {
    # An address is known to urls.py alone: {% url %} finds it, and fails where it is gone.
    "an address": re.compile(r"""(?:href|action|src|hx-get|hx-post)=["']/"""),
    # 'in "a b"' asks for a part of a text: "pend" is in "pending" too.
    "membership in a text": re.compile(r"""\bin\s+["']"""),
    # A state has a name in Python; a template asks the row whether it is in it.
    "a state": re.compile(
        r"""(?:state|status|position)\s*[!=]=\s*["']|["']\s*[!=]=\s*\S*(?:state|status|position)\b"""
    ),
    # The filters ``pairs``, ``listed`` and ``get`` of the console read mappings and lists.
    "a method of a mapping or a list": re.compile(rf"""\{{[{{%][^}}]*\.(?:{"|".join(METHODS)})\b"""),
}


def identify(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("template", TEMPLATES, ids=identify)
def test_it_holds_nothing_that_belongs_elsewhere(template, rule):
    lines = template.read_text().splitlines()
    assert [(number, line.strip()) for number, line in enumerate(lines, start=1) if RULES[rule].search(line)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=identify)
def test_its_lines_can_be_read(template):
    lines = enumerate(template.read_text().splitlines(), start=1)
    assert [(number, len(line)) for number, line in lines if len(line) > LONGEST_LINE] == []
