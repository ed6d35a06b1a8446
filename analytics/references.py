"""The baseline in force of a version, ready to be compared with."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.comparison import Reference
from analytics.counts import Counts
from analytics.queries import Subject
from core.errors import Missing
from registry import queries as registry_queries
from registry.models import Baseline, ModelVersion


@dataclass(frozen=True, slots=True)
class BaselineUsed:
    """What a window was compared with, as it is printed beside every figure."""

    id: UUID
    samples: int
    source: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """A baseline and what was counted in it."""

    used: BaselineUsed
    counts: Counts
    reference: Reference


def find(subject: Subject, *, has_traffic: bool) -> Known | None:
    """Return the baseline in force; None where the version has none, or sends telemetry without being registered.

    Raises:
        UnknownModel: The model is not registered and sent nothing.
        UnknownVersion: The version is not registered and sent nothing.
    """
    try:
        version = registry_queries.get_version(subject.model, subject.version)
    except Missing:
        if has_traffic:
            return None
        raise
    return of_version(version)


def of_version(version: ModelVersion) -> Known | None:
    """Return a registered version's baseline in force."""
    found = Baseline.objects.filter(version=version).order_by("-created_at").first()
    if found is None:
        return None
    counts = Counts.of_statistics(found.statistics)
    used = BaselineUsed(id=found.pk, samples=found.samples, source=found.source, created_at=found.created_at)
    return Known(used=used, counts=counts, reference=Reference.of(counts.classes))
