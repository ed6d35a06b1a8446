"""Named refusals: the one tree of errors that reach a user.

    DomainError
    ├── Invalid               400  the request itself is wrong
    ├── Unauthenticated       401
    ├── Forbidden             403
    ├── Missing               404
    ├── Conflict              409
    └── Unavailable           503  try again later

Each app defines its errors in the module that raises them, as a subclass with a stable ``code``. How a kind becomes an
HTTP status is written once, in ``config.web.problems``; nothing below knows about HTTP.
"""

from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What sort of refusal it is; the value is the HTTP status that ``config.web.problems`` answers with."""

    INVALID = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    MISSING = 404
    CONFLICT = 409
    PRECONDITION_FAILED = 412
    TOO_LARGE = 413
    UNPROCESSABLE = 422
    PRECONDITION_REQUIRED = 428
    THROTTLED = 429
    UNAVAILABLE = 503


class DomainError(Exception):
    """A refusal with a stable ``code`` and a sentence that says what and where.

    Args:
        detail: The sentence shown to the person; never a stack trace or a server path.
        extra: Members that a program may want, added to the problem+json body.
    """

    code: ClassVar[str] = "refused"
    kind: ClassVar[Kind] = Kind.INVALID

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class Invalid(DomainError):
    """The request breaks a rule that its sender can read."""

    code = "invalid"

    @classmethod
    def field(cls, field: str, message: str) -> "Invalid":
        """Refuse one field by name."""
        return cls(f"{field}: {message}", errors=[{"field": field, "message": message}])


class Unauthenticated(DomainError):
    """No credentials, or credentials that are unknown or revoked."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED


class Forbidden(DomainError):
    """Known, but not allowed to."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class Missing(DomainError):
    """Nothing has that name."""

    code = "not_found"
    kind = Kind.MISSING


class Conflict(DomainError):
    """The state of things does not allow it now."""

    code = "conflict"
    kind = Kind.CONFLICT


class Unavailable(DomainError):
    """An engine that is needed cannot be reached; the sender should try again."""

    code = "unavailable"
    kind = Kind.UNAVAILABLE
