"""The four roles, and the areas of the product that each may write."""

from enum import StrEnum


class Role(StrEnum):
    """The four roles (docs/wire-format.md)."""

    VIEWER = "viewer"
    ML_ENGINEER = "ml_engineer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Area(StrEnum):
    """A part of the product. Every role may read it, except for ADMINISTRATION."""

    MODELS = "models"
    FLEET = "fleet"
    ADMINISTRATION = "administration"


_WRITERS: dict[Area, frozenset[Role]] = {
    Area.MODELS: frozenset({Role.ML_ENGINEER, Role.ADMIN}),
    Area.FLEET: frozenset({Role.OPERATOR, Role.ADMIN}),
    Area.ADMINISTRATION: frozenset({Role.ADMIN}),
}


def roles_that_may(area: Area, *, write: bool) -> frozenset[Role]:
    """Return the roles that may read or write an area."""
    if write or area is Area.ADMINISTRATION:
        return _WRITERS[area]
    return frozenset(Role)
