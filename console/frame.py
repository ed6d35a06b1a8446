"""The variables of every page: navigation, the person's rights, the product's version."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from django.conf import settings
from django.http import HttpRequest

from console import navigation, pages
from console.navigation import Badge, Section
from core.api.authentication import role_of
from core.roles import Area, Role

_ADMIN = Section("Admin", page="admin:index", position=1000)
_ADMIN_NAMESPACE = "admin"


class Person:
    """The person who looks at the page. A right takes a query only if the template reads it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def role(self) -> Role | None:
        """The person's role, or None."""
        return role_of(self._request.user)

    @property
    def writes_models(self) -> bool:
        """Whether they may write models, such as upload a version."""
        return pages.may(self._request, Area.MODELS, write=True)

    @property
    def writes_fleet(self) -> bool:
        """Whether they may write the fleet, such as start a rollout."""
        return pages.may(self._request, Area.FLEET, write=True)

    @property
    def sees_administration(self) -> bool:
        """Whether the web admin lets them in."""
        return self.role is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation on one page."""

    section: Section
    is_current: bool

    @property
    def badge(self) -> Badge | None:
        """The number beside the title, or None."""
        return self.section.badge


class Frame(TypedDict):
    """The variables that every template gets."""

    person: Person
    navigation: Callable[[], list[Entry]]
    product_version: str


def frame(request: HttpRequest) -> Frame:
    """Return the variables; a context processor of Django. The navigation is a callable, because its badges take queries."""
    person = Person(request)
    return {
        "person": person,
        "navigation": lambda: list(_list_entries(request, person)),
        "product_version": settings.PRODUCT_VERSION,
    }


def _list_entries(request: HttpRequest, person: Person) -> Iterator[Entry]:
    match = request.resolver_match
    is_admin = match is not None and match.namespace == _ADMIN_NAMESPACE
    name = match.url_name if match is not None and not match.namespace else None
    for section in navigation.list_sections():
        yield Entry(section, is_current=section.contains(name))
    if person.sees_administration:
        yield Entry(_ADMIN, is_current=is_admin)
