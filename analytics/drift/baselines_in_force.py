"""The baseline in force of a version, ready to be compared with."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.drift.counts import Counts
from analytics.drift.queries import Subject
from analytics.drift.statistics.comparison import Reference
from core.errors import Missing
from registry.baselines import verbs as baselines
from registry.models import Baseline
from registry.versions import queries as registry_queries


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
    found = baselines.in_force(version)
    return None if found is None else _read(found)


def find_many(subjects: Collection[Subject]) -> dict[Subject, Known]:
    """Return the baselines in force of those subjects that have one, in one query."""
    rows = (
        Baseline.objects.filter(
            version__model__slug__in={subject.model for subject in subjects},
            version__number__in={subject.version for subject in subjects},
        )
        .select_related("version__model")
        .order_by("version_id", "-created_at")
        .distinct("version_id")
    )
    found = {Subject(row.version.model.slug, row.version.number): row for row in rows}
    return {subject: _read(row) for subject, row in found.items() if subject in subjects}


def _read(found: Baseline) -> Known:
    counts = Counts.of_statistics(found.statistics)
    used = BaselineUsed(id=found.pk, samples=found.samples, source=found.source, created_at=found.created_at)
    return Known(used=used, counts=counts, reference=Reference.of(counts.classes))
