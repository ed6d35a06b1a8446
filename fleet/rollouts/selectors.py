"""Which devices of a channel a rollout is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Selector:
    """All that are given must hold; an empty one selects every subscriber of the channel."""

    labels: Mapping[str, str] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Read it as a rollout keeps it."""
        return cls(
            labels=dict(stored.get("labels", {})),
            targets=frozenset(stored.get("targets", [])),
            devices=frozenset(stored.get("devices", [])),
        )

    def explain_refusal(self, *, device_id: str, target: str, labels: Mapping[str, str]) -> str | None:
        """Return why the device is not selected, or None where it is."""
        if self.devices and device_id not in self.devices:
            return "the device is not in the rollout's list"
        if self.targets and target not in self.targets:
            return f"the rollout is for {', '.join(sorted(self.targets))}, the device is a {target}"
        for key, wanted in self.labels.items():
            if labels.get(key) != wanted:
                return f"the rollout is for {key}={wanted}, the device has {key}={labels.get(key, '(none)')}"
        return None

    def selects(self, *, device_id: str, target: str, labels: Mapping[str, str]) -> bool:
        """Whether the device is one of those that the rollout is for."""
        return self.explain_refusal(device_id=device_id, target=target, labels=labels) is None
