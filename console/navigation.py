"""The sections of the navigation. Each app registers its own, so that the frame knows none of them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Badge:
    """A number beside a section's title, shown while it is not zero. ``count`` is asked once per page."""

    count: Callable[[], int]
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the navigation.

    ``page`` names the URL that the entry leads to, ``pages`` all others of the section. Entries stand in the order of
    ``position``.
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
        """Whether a page is in this section."""
        return url_name == self.page or url_name in self.pages


_sections: dict[str, Section] = {}


def register(*sections: Section) -> None:
    """Add sections; one of the same title replaces the former."""
    _sections.update({section.title: section for section in sections})


def list_sections() -> list[Section]:
    """Return every section in its order."""
    return sorted(_sections.values(), key=lambda section: section.position)
