"""Compare-and-swap for people and programs: entity tags of revisions, and ``If-Match`` (RFC 9110, sections 8.8.3 and 13.1.1)."""

from typing import ClassVar

from core.errors import DomainError, Kind


class IfMatchRequired(DomainError):
    """What exists is changed only for a caller that names the revision it saw."""

    code: ClassVar[str] = "if_match_required"
    kind: ClassVar[Kind] = Kind.PRECONDITION_REQUIRED


class RevisionChanged(DomainError):
    """Another caller was faster: the revision is not the one in ``If-Match``. Subclasses name the thing in their code."""

    kind: ClassVar[Kind] = Kind.PRECONDITION_FAILED


def etag(revision: int) -> str:
    """Return the entity tag of a revision."""
    return f'"{revision}"'


def check(noun: str, *, revision: int | None, if_match: str | None, changed: type[RevisionChanged]) -> None:
    """Let a caller pass that saw the present revision; None where nothing exists yet, which needs no ``If-Match``.

    Raises:
        IfMatchRequired: Something exists, and the caller names no revision.
        RevisionChanged: As the given class: the caller names another revision, or nothing exists yet.
    """
    if revision is None:
        if if_match is not None:
            raise changed(f"There is no such {noun} yet; leave If-Match out to create it.")
        return
    if if_match is None:
        message = f"The {noun} exists: send If-Match with the ETag that GET gave you."
        raise IfMatchRequired(message, etag=etag(revision))
    tags = {tag.strip() for tag in if_match.split(",")}
    if "*" not in tags and etag(revision) not in tags:
        raise changed(f"The {noun} is at revision {revision}, not at {if_match[:40]}.", etag=etag(revision))
