"""The one who acts: a person, a program's token, a device, or the system itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Whom the audit trail names."""

    kind: Literal["person", "token", "device", "system"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor(kind="system", name="modelfleet")
