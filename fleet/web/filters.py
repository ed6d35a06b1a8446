"""The filters of the fleet page, as its address keeps them."""

from dataclasses import dataclass
from typing import Self

from django.db.models import QuerySet
from django.http import QueryDict

from fleet.devices import queries as device_queries
from fleet.models import Device
from fleet.states import DeploymentState, DeviceState


@dataclass(frozen=True, slots=True)
class DeviceFilters:
    """The filters that a person chose; an empty field filters nothing.

    ``label`` is ``key:value``, ``version`` is ``model:number``, ``state`` is one of the device or of its newest attempt.
    """

    search: str = ""
    label: str = ""
    target: str = ""
    version: str = ""
    state: str = ""

    @classmethod
    def read(cls, given: QueryDict) -> Self:
        """Read the filters; one that cannot be read asks for nothing, and stays visible in its field."""
        names = ("search", "label", "target", "version", "state")
        return cls(**{name: given.get(name, "").strip() for name in names})

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.search or self.label or self.target or self.version or self.state)

    def list_devices(self) -> QuerySet[Device]:
        """Return the devices that pass, by id."""
        key, separator, value = self.label.partition(":")
        rows = device_queries.list_devices(
            search=self.search or None,
            target=self.target or None,
            label=(key, value) if separator else None,
            state=next((state for state in DeviceState if state == self.state), None),
            attempt_state=next((state for state in DeploymentState if state == self.state), None),
        )
        model, separator, number = self.version.partition(":")
        if separator:
            rows = rows.filter(running__contains=[{"model": model, "version": number}])
        return rows.order_by("device_id")
