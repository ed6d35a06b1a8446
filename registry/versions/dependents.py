"""What a version is used by. Apps above register how to find their uses; the registry imports none of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import ProtectedError

from core.errors import Conflict
from registry.models import Channel, ModelVersion


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that needs the version: ``kind`` is for example channel, rollout, device."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def to_json(self) -> dict[str, str]:
        """Return what the refusal's body carries."""
        return {"kind": self.kind, "name": self.name}


Finder = Callable[[ModelVersion], Iterable[Use]]


class VersionInUse(Conflict):
    """The version cannot be deleted; ``uses`` lists what needs it."""

    code = "version_in_use"


_finders: list[Finder] = []
_SHOWN = 20


def register(finder: Finder) -> None:
    """Add a way to find uses; apps do it when they are ready. Repeating it changes nothing."""
    if finder not in _finders:
        _finders.append(finder)


def list_uses(version: ModelVersion) -> list[Use]:
    """Return everything that uses the version now."""
    return [*_channels(version), *(use for finder in _finders for use in finder(version))]


def check_unused(version: ModelVersion) -> None:
    """Let pass what nothing uses.

    Raises:
        VersionInUse: With the list.
    """
    if found := list_uses(version):
        raise refusal(version, uses=found)


def refusal(version: ModelVersion, *, uses: Sequence[Use]) -> VersionInUse:
    """Make the refusal that names the uses."""
    return VersionInUse(f"{version} is used by {sentence(uses)}.", uses=[use.to_json() for use in uses])


def of_protected(error: ProtectedError) -> list[Use]:
    """Return the rows that the database would not let go of, as uses."""
    return [Use(kind=str(row._meta.verbose_name), name=str(row)) for row in error.protected_objects]  # noqa: SLF001 - Django's documented API


def sentence(uses: Sequence[Use]) -> str:
    """Name the uses, the first twenty of many."""
    more = f" and {len(uses) - _SHOWN} more" if len(uses) > _SHOWN else ""
    return ", ".join(map(str, uses[:_SHOWN])) + more


def _channels(version: ModelVersion) -> Iterator[Use]:
    for name in Channel.objects.filter(version=version).values_list("name", flat=True):
        yield Use(kind="channel", name=name)
