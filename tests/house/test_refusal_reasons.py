"""Every reason for which a model or its samples are refused is in docs/errors.md."""

import ast
import re
from fnmatch import fnmatchcase

from tests.house.project import ROOT, section

FOLDER = ROOT / "registry" / "compression"


def find_reasons():
    """The reasons in the code, ``*`` for a part that is computed."""
    for path in FOLDER.rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield from (to_pattern(item.value) for item in node.keywords if item.arg == "reason")
                if ast.unparse(node.func) == "self._refuse":
                    yield f"calibration_{node.args[-1].value}"
                    yield f"evaluation_{node.args[-1].value}"


def to_pattern(value):
    if isinstance(value, ast.Constant):
        return value.value
    if isinstance(value, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in value.values)
    return "*"


def test_every_reason_is_explained():
    text = section(ROOT / "docs" / "errors.md", "## Why a model is refused")
    explained = set(re.findall(r"`(\w+)`(?=[^|]*\|)", text))
    missing = [
        reason for reason in set(find_reasons()) if reason and not any(fnmatchcase(name, reason) for name in explained)
    ]
    assert missing == []
