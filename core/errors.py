"""Named refusals: all errors that a user may see are classes of this tree.

    DomainError
    ├── Invalid               400  the request itself is wrong
    ├── Unauthenticated       401
    ├── Forbidden             403
    ├── Missing               404
    ├── Conflict              409
    └── Unavailable           503  try again later

Each app defines its errors in the module that raises them, as a subclass with a stable ``code``. Only ``config.web.problems``
builds HTTP answers from them.
"""

from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """The kind of a refusal; the value is the HTTP status of the answer."""

    INVALID = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    MISSING = 404
    TIMEOUT = 408
    CONFLICT = 409
    PRECONDITION_FAILED = 412
    TOO_LARGE = 413
    UNPROCESSABLE = 422
    PRECONDITION_REQUIRED = 428
    THROTTLED = 429
    UNAVAILABLE = 503


class DomainError(Exception):
    """A refusal with a stable ``code`` and a sentence for the user.

    Args:
        detail: The sentence. It names the wrong value and where it is, and never holds a stack trace or a path of the server.
        extra: Members for programs, added to the problem+json body.
    """

    code: ClassVar[str] = "refused"
    kind: ClassVar[Kind] = Kind.INVALID

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class Invalid(DomainError):
    """The request itself is wrong; sending it again does not help."""

    code = "invalid"

    @classmethod
    def field(cls, field: str, message: str) -> "Invalid":
        """Refuse one field of the request by its name."""
        return cls(f"{field}: {message}", errors=[{"field": field, "message": message}])


class Unauthenticated(DomainError):
    """The request has no credentials, or they are unknown or revoked."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED


class Forbidden(DomainError):
    """The caller is known, but its role does not allow the request."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class Missing(DomainError):
    """No object has the name or number in the request."""

    code = "not_found"
    kind = Kind.MISSING


class Conflict(DomainError):
    """The current state of the object does not allow the request."""

    code = "conflict"
    kind = Kind.CONFLICT


class Unavailable(DomainError):
    """An engine, such as the database, cannot be reached; the caller should try again."""

    code = "unavailable"
    kind = Kind.UNAVAILABLE
