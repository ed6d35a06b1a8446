"""Who depends on a version. Apps above register how to find their own dependents; the registry imports none of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import ProtectedError

from core.errors import Conflict
from registry.models import Channel, ModelVersion


@dataclass(frozen=True, slots=True)
class Dependent:
    """One thing that needs the version: ``kind`` is for example channel, rollout, device."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def to_json(self) -> dict[str, str]:
        """Return what the refusal's body carries."""
        return {"kind": self.kind, "name": self.name}


Finder = Callable[[ModelVersion], Iterable[Dependent]]


class VersionInUse(Conflict):
    """The version cannot be deleted or retired; ``uses`` in the body lists the dependents."""

    code = "version_in_use"


_finders: list[Finder] = []
_SHOWN = 20


def register(finder: Finder) -> None:
    """Add a way to find dependents; apps do it when they are ready. Repeating it changes nothing."""
    if finder not in _finders:
        _finders.append(finder)


def find(version: ModelVersion) -> list[Dependent]:
    """Return everything that needs the version now."""
    return [*_channels(version), *(found for finder in _finders for found in finder(version))]


def check_unused(version: ModelVersion) -> None:
    """Let a version pass that nothing needs.

    Raises:
        VersionInUse: With the list.
    """
    if found := find(version):
        raise refusal(version, dependents=found)


def refusal(version: ModelVersion, *, dependents: Sequence[Dependent]) -> VersionInUse:
    """Make the refusal that names the dependents."""
    return VersionInUse(f"{version} is used by {sentence(dependents)}.", uses=[found.to_json() for found in dependents])


def of_protected(error: ProtectedError) -> list[Dependent]:
    """Return the rows for which the database refused the deletion, as dependents."""
    return [Dependent(kind=str(row._meta.verbose_name), name=str(row)) for row in error.protected_objects]  # noqa: SLF001 - Django's documented API


def sentence(dependents: Sequence[Dependent]) -> str:
    """Name the dependents, the first twenty of many."""
    more = f" and {len(dependents) - _SHOWN} more" if len(dependents) > _SHOWN else ""
    return ", ".join(map(str, dependents[:_SHOWN])) + more


def _channels(version: ModelVersion) -> Iterator[Dependent]:
    for name in Channel.objects.filter(version=version).values_list("name", flat=True):
        yield Dependent(kind="channel", name=name)
