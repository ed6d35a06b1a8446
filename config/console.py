"""What every page of the console is given: navigation, the person's rights, what is firing, the product's version."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from django.http import HttpRequest

from analytics.models import Alert
from analytics.states import AlertState
from config.environment import ROOT
from console import pages
from core.api.authentication import role_of
from core.roles import Area, Role


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the navigation; ``prefixes`` are the paths that belong to it."""

    title: str
    url: str
    prefixes: tuple[str, ...]

    def contains(self, path: str) -> bool:
        """Whether a page is in this section."""
        return path == self.url or path.startswith(self.prefixes)


SECTIONS = (
    Section("Fleet", "/", ("/devices", "/enrollment-keys")),
    Section("Models", "/models", ("/models", "/admin/registry/modelversion/add")),
    Section("Rollouts", "/rollouts", ("/rollouts",)),
    Section("Drift", "/drift", ("/drift",)),
    Section("Alerts", "/alerts", ("/alerts",)),
)
ADMIN = Section("Admin", "/admin/", ("/admin/",))


class Person:
    """Who looks at the page, asked only where the page asks."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def role(self) -> Role | None:
        """Their role; None for people without one."""
        return role_of(self._request.user)

    @property
    def writes_models(self) -> bool:
        """Whether they may upload."""
        return pages.may(self._request, Area.MODELS, write=True)

    @property
    def writes_fleet(self) -> bool:
        """Whether they may act on devices, channels, rollouts and alerts."""
        return pages.may(self._request, Area.FLEET, write=True)

    @property
    def sees_administration(self) -> bool:
        """Whether the web admin lets them in: it asks for a role, or for staff."""
        return self.role is not None or bool(getattr(self._request.user, "is_staff", False))


def frame(request: HttpRequest) -> dict[str, Any]:
    """Django's context processor; everything that costs a query is a callable or lazy."""
    person = Person(request)
    return {
        "person": person,
        "navigation": _navigate(request.path, person),
        "firing_count": _count_firing,
        "product_version": _version(),
    }


def _navigate(path: str, person: Person) -> Callable[[], list[tuple[Section, bool]]]:
    def sections() -> list[tuple[Section, bool]]:
        shown = [*SECTIONS, ADMIN] if person.sees_administration else list(SECTIONS)
        current = next((section for section in shown if section.contains(path)), None)
        return [(section, section is current) for section in shown]

    return sections


def _count_firing() -> int:
    return Alert.objects.filter(state=AlertState.FIRING).count()


@cache
def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
