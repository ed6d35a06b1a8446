"""Who acts: a person, a program with an API token, a device, or the server itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """The name that the audit trail keeps for an action, written ``kind:name``."""

    kind: Literal["person", "token", "device", "system"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Actor(kind="system", name="modelfleet")
