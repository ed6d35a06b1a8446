"""The filters of the fleet page, as its address keeps them."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict

from fleet.devices import queries as device_queries
from fleet.models import Device

# What a filter by "state" may name: states of a device first, then those of its newest attempt.
DEVICE_STATES = ("active", "pending", "revoked")
ATTEMPT_STATES = (
    "offered", "downloading", "verified", "self_tested", "activated", "confirmed",
    "failed", "rolled_back", "timed_out", "unreachable", "superseded",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeviceFilters:
    """What the person asked for; empty fields ask for nothing. ``label`` is ``key:value``, ``version`` ``model:number``."""

    search: str = ""
    label: str = ""
    target: str = ""
    version: str = ""
    state: str = ""

    @classmethod
    def read(cls, given: QueryDict) -> "DeviceFilters":
        """Read them; what makes no sense filters everything away, as a person sees it in the field."""
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
            state=self.state if self.state in DEVICE_STATES else None,
        )
        if self.state in ATTEMPT_STATES:
            rows = rows.filter(Q(("deployment_state", self.state)))  # annotated, so mypy does not know it
        model, separator, number = self.version.partition(":")
        if separator:
            rows = rows.filter(running__contains=[{"model": model, "version": number}])
        return rows.order_by("device_id")
