"""Who may do what: four roles, and the areas of the product that they may write."""

from enum import StrEnum


class Role(StrEnum):
    """The four roles of the wire contract."""

    VIEWER = "viewer"
    ML_ENGINEER = "ml_engineer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Area(StrEnum):
    """What a request touches. Reading needs any role, except for ADMINISTRATION."""

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
