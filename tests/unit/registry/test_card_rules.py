import pytest

from registry.versions import card_rules
from registry.versions.card_rules import InvalidCard

EMPTY = {"description": "", "tags": [], "links": [], "metrics": {}}
LINK = {"title": "Paper", "url": "https://example.org/paper?id=1#top"}


def test_a_whole_card_is_kept_as_it_is():
    parts = {
        "description": "Zählt Ziffern\n",
        "tags": ["夜間", "a b"],
        "links": [LINK],
        "metrics": {"top-1": 0.98, "n": 3},
    }
    card = card_rules.check(parts)
    assert (card.description, card.tags, card.links, card.metrics) == tuple(parts.values())


def test_a_repeated_tag_is_taken_once():
    assert card_rules.check({**EMPTY, "tags": ["b", "a", "b"]}).tags == ["b", "a"]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("description", "x" * 10_001),
        ("description", None),
        ("tags", "night"),
        ("tags", [""]),
        ("tags", [" night"]),
        ("tags", ["a,b"]),
        ("tags", ["a\nb"]),
        ("tags", ["\ud800"]),
        ("tags", ["x" * 51]),
        ("tags", [1]),
        ("tags", [str(number) for number in range(21)]),
        ("links", LINK),
        ("links", [{**LINK, "more": 1}]),
        ("links", [{"title": "Paper"}]),
        ("links", [{**LINK, "title": ""}]),
        ("links", [{**LINK, "url": "javascript:alert(1)"}]),
        ("links", [{**LINK, "url": "https:///paper"}]),
        ("links", [{**LINK, "url": "https://[bad"}]),
        ("links", [{**LINK, "url": 'https://a/"onclick'}]),
        ("links", [{**LINK, "url": "https://a/" + "x" * 2_000}]),
        ("links", [LINK] * 21),
        ("metrics", [1]),
        ("metrics", {"top-1": "0.9"}),
        ("metrics", {"top-1": True}),
        ("metrics", {"top-1": float("nan")}),
        ("metrics", {"top-1": 10**400}),
        ("metrics", {"": 1}),
        ("metrics", {"x" * 65: 1}),
        ("metrics", {str(number): number for number in range(51)}),
    ],
)
def test_what_breaks_a_rule_is_refused_at_its_part(part, value):
    with pytest.raises(InvalidCard) as caught:
        card_rules.check({**EMPTY, part: value})
    assert caught.value.extra["errors"][0]["field"] == part
