"""The refusal of an uploaded file: the model or its calibration data breaks a rule that its owner can read."""

from typing import ClassVar

from core.errors import DomainError, Kind

_MAX_DETAIL = 2000


class ModelRefused(DomainError):
    """The file is not accepted, and trying again with the same bytes will not help.

    Args:
        detail: The sentence for the person who uploaded.
        reason: Stable snake_case name of the rule, e.g. ``external_data``; goes into the problem's members.
    """

    code: ClassVar[str] = "model_refused"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE

    def __init__(self, detail: str, *, reason: str) -> None:
        # Sentences quote names out of the file: some are endless, and PostgreSQL stores no U+0000.
        detail = "".join(letter if letter.isprintable() else " " for letter in detail[:_MAX_DETAIL])
        super().__init__(detail, reason=reason)
        self.reason = reason
