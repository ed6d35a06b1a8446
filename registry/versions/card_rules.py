"""The rules for a version's card: description, tags, links and metrics that people write."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from core.errors import Invalid

MAX_DESCRIPTION: Final = 10_000
MAX_TAGS: Final = 20
MAX_LINKS: Final = 20
MAX_METRICS: Final = 50
_MAX_TAG: Final = 50
_MAX_TITLE: Final = 100
_MAX_URL: Final = 2_000
_MAX_METRIC_NAME: Final = 64
# Largest magnitude that a reader with doubles and fixed columns can still show.
_LARGEST_METRIC: Final = 1e15
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s\"<>\\^`{|}]+")


class InvalidCard(Invalid):
    """A part of a version's card breaks a rule."""

    code: ClassVar[str] = "invalid_card"


@dataclass(frozen=True, slots=True)
class Card:
    """The parts of a card, each within its bounds."""

    description: str
    tags: list[str]
    links: list[dict[str, str]]
    metrics: dict[str, float]


def check(parts: Mapping[str, Any]) -> Card:
    """Return the card of these four parts; repeated tags are taken once.

    Raises:
        InvalidCard: Naming the part and the rule.
    """
    return Card(
        description=_check_description(parts["description"]),
        tags=_check_tags(parts["tags"]),
        links=_check_links(parts["links"]),
        metrics=_check_metrics(parts["metrics"]),
    )


def _check_description(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION:
        raise InvalidCard.field("description", f"must be text of at most {MAX_DESCRIPTION} characters.")
    return value


def _check_tags(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise InvalidCard.field("tags", f"must be a list of at most {MAX_TAGS} texts.")
    for tag in value:
        if not _is_line(tag, limit=_MAX_TAG) or "," in tag:
            raise InvalidCard.field(
                "tags", f"a tag is printable text of 1 to {_MAX_TAG} characters without comma, not {_quote(tag)}."
            )
    return list(dict.fromkeys(value))


def _check_links(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list) or len(value) > MAX_LINKS:
        raise InvalidCard.field("links", f"must be a list of at most {MAX_LINKS} links.")
    return [_check_link(link) for link in value]


def _check_link(link: object) -> dict[str, str]:
    if not isinstance(link, dict) or set(link) != {"title", "url"}:
        raise InvalidCard.field("links", 'a link is an object such as {"title": "Paper", "url": "https://…"}.')
    title, url = link["title"], link["url"]
    if not _is_line(title, limit=_MAX_TITLE):
        raise InvalidCard.field(
            "links", f"a title is printable text of 1 to {_MAX_TITLE} characters, not {_quote(title)}."
        )
    # Pages show the address as a link, so that "javascript:" and its like must never come here.
    if not isinstance(url, str) or len(url) > _MAX_URL or not _WEB_ADDRESS.fullmatch(url) or not _has_host(url):
        raise InvalidCard.field("links", f"an address begins with http:// or https://, not {_quote(url)}.")
    return {"title": title, "url": url}


def _check_metrics(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > MAX_METRICS:
        raise InvalidCard.field("metrics", f"must be an object of at most {MAX_METRICS} numbers.")
    for name, number in value.items():
        if not _is_line(name, limit=_MAX_METRIC_NAME):
            raise InvalidCard.field(
                "metrics", f"a name is printable text of 1 to {_MAX_METRIC_NAME} characters, not {_quote(name)}."
            )
        if not _is_metric(number):
            raise InvalidCard.field(
                "metrics", f"{name} must be a number up to {_LARGEST_METRIC:.0e}, not {_quote(number)}."
            )
    return value


def _is_metric(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # NaN compares as False, and a whole number of any size can be compared.
    return -_LARGEST_METRIC <= value <= _LARGEST_METRIC


def _is_line(value: object, *, limit: int) -> bool:
    """Whether a value is one line of text without space at its ends. Surrogates and U+0000 are not printable."""
    return isinstance(value, str) and 1 <= len(value) <= limit and value.isprintable() and value.strip() == value


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _quote(value: object) -> str:
    return ascii(value)[:60]
