"""Which devices of a channel a rollout is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, TypedDict


class StoredSelector(TypedDict, total=False):
    """A selector as a rollout keeps it and as it was posted. A part that is not given is left out."""

    labels: dict[str, str]
    targets: list[str]
    devices: list[str]


@dataclass(frozen=True, slots=True)
class Selector:
    """Every given part must match; an empty selector selects every subscriber of the channel."""

    labels: Mapping[str, str] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()

    @classmethod
    def read(cls, stored: StoredSelector) -> Self:
        """Read it as a rollout keeps it."""
        return cls(
            labels=dict(stored.get("labels", {})),
            targets=frozenset(stored.get("targets", [])),
            devices=frozenset(stored.get("devices", [])),
        )

    def as_stored(self) -> StoredSelector:
        """Return it as a rollout keeps it."""
        stored = StoredSelector()
        if self.labels:
            stored["labels"] = dict(self.labels)
        if self.targets:
            stored["targets"] = sorted(self.targets)
        if self.devices:
            stored["devices"] = sorted(self.devices)
        return stored

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
