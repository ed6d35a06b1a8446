"""How often the code gives up on types: at true edges only, where JSON comes in, or where a library's signature asks for it."""

import re

from tests.house.project import APPS, ROOT, list_files

# Raise it for an edge that is one, with a reason in the commit; lower it whenever there are fewer.
MOST_LINES = 100
UNTYPED = re.compile(r"\bAny\b|\b(?:dict|Mapping)\[str, object\]")
ALIAS = re.compile(r"^(\w+)(?:: TypeAlias)? = (?:dict|Mapping|list)\[.*(?:Any|object)\]", flags=re.MULTILINE)


def list_untyped_lines():
    """Every line with ``Any``, a mapping of objects, or a name that stands for one of them."""
    found = []
    for path in list_files(suffix=".py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] not in {*APPS, "edge_agent"} or "migrations" in parts:
            continue
        text = path.read_text()
        aliases = {*ALIAS.findall(text), *re.findall(r"import .*\b(Document)\b", text)}
        pattern = re.compile("|".join([UNTYPED.pattern, *(rf"\b{alias}\b" for alias in aliases)]))
        found += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if pattern.search(line) and not re.match(r"\s*(from|import|#|\"\"\")", line)
        ]
    return found


def test_untyped_lines_are_few():
    found = list_untyped_lines()
    assert len(found) <= MOST_LINES, "\n".join(found)


def test_an_alias_is_counted_like_what_it_stands_for():
    assert ALIAS.findall("Document = dict[str, Any]\nArray = NDArray[Any]\n") == ["Document"]
    assert any(line.startswith("edge_agent/machine/disk.py") for line in list_untyped_lines())
