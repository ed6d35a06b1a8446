"""What the documents point at is there."""

import re

import pytest

from tests.house.project import ROOT, list_files, list_top_level

DOCUMENTS = [path for path in list_files(suffix=".md") if "vendor" not in path.parts]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# A file or folder of ours, in backticks: it has a slash and starts with something that lies at the root.
PATH = re.compile(r"`([\w.-]+/[\w./*-]*)`")
FENCE = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


def identify(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_links_lead_to_files(document):
    text = FENCE.sub("", document.read_text())
    targets = [link.split("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_links_within_a_document_lead_to_headings(document):
    missing = []
    for link in LINK.findall(FENCE.sub("", document.read_text())):
        file, _, anchor = link.partition("#")
        if not anchor or ":" in file:
            continue
        other = (document.parent / file) if file else document
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", other.read_text()), flags=re.MULTILINE)
        if anchor not in {re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}:
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_files_named_in_documents_exist(document):
    folders = {name for name in list_top_level() if name.endswith("/")}
    named = PATH.findall(FENCE.sub("", document.read_text()))
    ours = [path for path in named if f"{path.split('/')[0]}/" in folders]
    assert [path for path in ours if not list(ROOT.glob(path.rstrip("/")))] == []


def test_every_change_has_a_place_and_a_test():
    rows = [
        line.split("|")[1:4] for line in (ROOT / "docs" / "where-to-change.md").read_text().splitlines() if "|" in line
    ]
    changes = [(change, place, test) for change, place, test in rows[2:] if not change.strip().startswith("**")]
    name = re.compile(r"`([\w./-]+)`")
    # Each app has its own, so the row does not say which app.
    in_every_app = {"api/", "apps.py", "core.errors.DomainError", "tasks.py", "templates/", "urls.py", "web/"}
    named = {(change, path) for change, *cells in changes for cell in cells for path in name.findall(cell)}
    assert {
        (change, path) for change, path in named if path not in in_every_app and not (ROOT / path).exists()
    } == set()
    assert [change for change, place, test in changes if not name.search(place) or not test.strip()] == []


def test_the_glossary_is_short_and_sorted():
    glossary = (ROOT / "docs" / "index.md").read_text().split("## Glossary")[1]
    rows = [line.split("|")[1].strip() for line in glossary.splitlines() if line.startswith("|")]
    assert len(rows) <= 30
    assert rows[2:] == sorted(rows[2:])


def test_documents_named_in_code_exist():
    """A comment that cites a page nobody can find explains nothing."""
    code = [
        path for path in list_files() if path.suffix in {".py", ".toml", ".yaml", ".html"} and "house" not in path.parts
    ]
    cited = {
        (path, name)
        for path in code
        for name in re.findall(r"\b(?:docs|deploy|bench)/[\w./-]*\w|\b[\w-]+\.md\b", path.read_text())
    }
    known = {document.name for document in DOCUMENTS} | {"protocol.md"}  # the last is DSSE's specification
    lost = [(path, name) for path, name in cited if not list(ROOT.glob(f"{name}*")) and name not in known]
    assert sorted(lost) == []


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()
    decisions = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    titles = {path.name: path.read_text().splitlines()[0].removeprefix("# ") for path in decisions}
    lines = [f"| [{name[:4]}]({name}) | {title.split('. ', 1)[1]} |" for name, title in titles.items()]
    assert [line for line in lines if line not in index] == []
    assert [name[:4] for name in titles] == [f"{number:04}" for number in range(1, len(titles) + 1)]


@pytest.mark.parametrize("decision", sorted((ROOT / "docs" / "adr").glob("0*.md")), ids=identify)
def test_a_decision_has_its_four_parts(decision):
    headings = re.findall(r"^## (.+)$", decision.read_text(), flags=re.MULTILINE)
    assert headings == ["Context", "Options", "Decision", "Consequences"]


def test_every_document_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md" and path.parent.name != "adr"]
    assert [identify(path) for path in pages if path.relative_to(ROOT / "docs").as_posix() not in index] == []
