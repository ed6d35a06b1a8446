"""The sections of the navigation. Each app registers its own, so that the console knows no app."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Badge:
    """A number beside a section's title, hidden while it is zero. ``number`` is called once per page."""

    number: Callable[[], int]
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the navigation.

    ``page`` is the name of the URL that the entry leads to, ``pages`` are the names of the section's other URLs. Entries are
    sorted by ``position``.
    """

    title: str
    page: str
    position: int
    pages: frozenset[str] = frozenset()
    badge: Badge | None = None

    @property
    def url(self) -> str:
        """The address that the entry leads to."""
        return reverse(self.page)

    def contains(self, url_name: str | None) -> bool:
        """Return whether the page of this URL is in the section."""
        return url_name == self.page or url_name in self.pages


_sections: dict[str, Section] = {}


def register(*sections: Section) -> None:
    """Add sections. A section replaces an earlier one with the same title."""
    _sections.update({section.title: section for section in sections})


def list_sections() -> list[Section]:
    """Return all sections, sorted by position."""
    return sorted(_sections.values(), key=lambda section: section.position)
