"""The refusal of an uploaded file: the model or its calibration data breaks a rule that its owner can read."""

from typing import ClassVar

from core.errors import DomainError, Kind


class ModelRefused(DomainError):
    """The file is not accepted, and trying again with the same bytes will not help.

    Args:
        detail: The sentence for the person who uploaded.
        reason: Stable snake_case name of the rule, e.g. ``external_data``; goes into the problem's members.
    """

    code: ClassVar[str] = "model_refused"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason
