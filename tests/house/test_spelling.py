"""The project writes American English. A second spelling of a word makes it two words for a search."""

import re

from tests.house.project import ROOT, list_files

WRITTEN = {".css", ".html", ".js", ".md", ".py", ".toml", ".yaml"}
# Stems, so that every form of the word is found. HTML's own aria-labelledby is no word of ours.
BRITISH = re.compile(
    r"""\b(?:
        \w*(?:author|capital|categor|central|custom|emphas|final|general|initial|local|memor|minim|normal|optim|organ|prior
            |quant|random|real|recogn|serial|special|stabil|standard|summar|synchron|token|util|visual)is(?:e[ds]?|ing|ation)
      | analys(?:e[ds]?|ing) | artefact\w* | behaviour\w* | cancell(?:ed|ing) | catalogu\w* | centre[ds]? | colour\w* | defence
      | disenrol\w* | enrol(?:s|ment)? | favour\w* | fibre | flavour\w* | grey\w* | honour\w* | judgement\w* | labell(?:ed|ing) | licence[ds]?
      | metre[s]? | modell(?:ed|ing) | neighbour\w* | practis\w+ | programme[s]? | signall(?:ed|ing) | spoilt | towards | afterwards | travell\w+ | whilst
    )\b""",
    flags=re.IGNORECASE | re.VERBOSE,
)


def test_spelling_is_american():
    files = [
        path
        for path in list_files()
        if path.suffix in WRITTEN and "vendor" not in path.parts and path.name != "test_spelling.py"
    ]
    found = {(path.relative_to(ROOT).as_posix(), word) for path in files for word in BRITISH.findall(path.read_text())}
    assert sorted(found) == []


def test_the_list_finds_what_it_should():
    assert BRITISH.findall("We serialise the colour of an enrolment, and its behaviour.") == [
        "serialise",
        "colour",
        "enrolment",
        "behaviour",
    ]
    assert (
        BRITISH.findall("We serialize the color of an enrollment; otherwise a rise is precise, enrolled and labeled.")
        == []
    )
