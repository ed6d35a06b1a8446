"""What one roll-up row is about: when, where, which model version, and which histogram."""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple


class ScopeKind(StrEnum):
    """The kinds of places that records are counted for."""

    FLEET = "fleet"
    TARGET = "target"
    LABEL = "label"
    DEVICE = "device"


class Scope(NamedTuple):
    """A place that records are counted for, for example ``(FLEET, "")`` or ``(LABEL, "site=osaka")``."""

    kind: ScopeKind
    value: str


FLEET = Scope(ScopeKind.FLEET, "")


class Metric(StrEnum):
    """The histograms of a roll-up. Their bins are described in ``ingest.models.RollUp``."""

    CLASS = "class"
    CLASS_OTHER = "class_other"
    CONFIDENCE = "confidence"
    LATENCY = "latency"
    TOTALS = "totals"


class Total(IntEnum):
    """The bins of the metric ``totals``."""

    RECORDS = 0
    CLOCK_SUSPECT = 1
    UNKNOWN_VERSION = 2
    CONFIDENCE_MICRO = 3
    CONFIDENCE_SQUARED_MICRO = 4
    LATENCY_MS_MICRO = 5


class Key(NamedTuple):
    """What one roll-up row is about."""

    bucket_at: datetime
    scope: Scope
    model: str
    version: str
    metric: Metric


def scopes_of(*, device_id: str, target: str, labels: Mapping[str, str]) -> tuple[Scope, ...]:
    """Return every scope that a device's records count in."""
    by_label = (Scope(ScopeKind.LABEL, f"{key}={value}") for key, value in sorted(labels.items()))
    return (FLEET, Scope(ScopeKind.TARGET, target), *by_label, Scope(ScopeKind.DEVICE, device_id))
