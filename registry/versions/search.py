"""Find models and versions by what people remember of them. Lists stay querysets, so that keyset pages work on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from django.db.models import Q, QuerySet

from core.errors import Invalid
from registry.models import ModelVersion, RegisteredModel
from registry.states import VersionStatus
from registry.versions import queries

_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to; an empty text narrows nothing."""

    # Part of a name or a description, in any case.
    q: str = ""
    tag: str = ""
    status: str = ""
    target: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Read the parameters of an address; other parameters are left to others.

        Raises:
            Invalid: A text is too long, or no state has that name.
        """
        found = cls(**{name: parameters.get(name, "").strip() for name in cls.__slots__})
        for name in cls.__slots__:
            if len(getattr(found, name)) > _MAX_TEXT:
                raise Invalid.field(name, f"must have at most {_MAX_TEXT} characters.")
        if found.status and found.status not in list(VersionStatus):
            raise Invalid.field("status", f"must be one of {', '.join(VersionStatus)}.")
        return found

    @property
    def is_anything(self) -> bool:
        """Whether the list is narrowed at all."""
        return any((self.q, self.tag, self.status, self.target))


def find_models(wanted: Wanted) -> QuerySet[RegisteredModel]:
    """Return the models whose slug or description has the text, and that have a version with the tag, state and target.

    The three of the version may be those of three versions of the model.
    """
    rows = queries.list_models()
    if wanted.q:
        rows = rows.filter(Q(slug__icontains=wanted.q) | Q(description__icontains=wanted.q))
    for condition in _conditions(wanted):
        rows = rows.filter(pk__in=ModelVersion.objects.filter(condition).order_by().values("model_id"))
    return rows


def find_versions(slug: str, wanted: Wanted) -> QuerySet[ModelVersion]:
    """Return the versions of a model, as ``registry.versions.queries.list_versions`` does, that meet every condition.

    Raises:
        UnknownModel: There is none.
    """
    rows = queries.list_versions(slug)
    if wanted.q:
        rows = rows.filter(
            Q(number__icontains=wanted.q) | Q(description__icontains=wanted.q) | Q(created_by__icontains=wanted.q)
        )
    return rows.filter(*_conditions(wanted))


def _conditions(wanted: Wanted) -> list[Q]:
    conditions = []
    if wanted.tag:
        conditions.append(Q(tags__contains=[wanted.tag]))
    if wanted.status:
        conditions.append(Q(status=wanted.status))
    if wanted.target:
        conditions.append(Q(targets__contains=[wanted.target]))
    return conditions
