"""Commands that the documents tell people to type exist."""

import re

import pytest
from django.core.management import get_commands

from tests.house.project import ROOT, list_files

DOCUMENTS = [path for path in list_files(suffix=".md") if "vendor" not in path.parts]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def identify(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_make_targets_exist(document):
    # In backticks or at the start of a line of a code block: prose may "make demo" of anything.
    named = re.findall(r"(?:`|^(?:[A-Z_]+=\S+ )*)make ([a-z-]+)", document.read_text(), flags=re.MULTILINE)
    assert sorted(set(named) - TARGETS) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_management_commands_exist(document):
    named = re.findall(r"manage\.py ([a-z_]+)", document.read_text())
    assert sorted(set(named) - set(get_commands())) == []


def test_every_target_explains_itself():
    explained = set(re.findall(r"^([a-z-]+):.*?## \S", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert TARGETS - explained == set()
