"""Baselines in force, prepared for comparisons."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.drift.counts import Counts
from analytics.drift.queries import VersionName
from analytics.drift.statistics.comparison import Reference
from core.errors import Missing
from registry.baselines import verbs as baselines
from registry.models import Baseline
from registry.versions import queries as registry_queries


@dataclass(frozen=True, slots=True)
class BaselineSummary:
    """The baseline that a window was compared with, as pages write it beside every figure."""

    id: UUID
    samples: int
    source: str
    created_at: datetime

    @property
    def is_from_telemetry(self) -> bool:
        """Whether it was made of what devices sent; otherwise somebody uploaded it."""
        return self.source == "telemetry"


@dataclass(frozen=True, slots=True)
class BaselineInForce:
    """A baseline with its counts, and with the bins that they fix."""

    summary: BaselineSummary
    counts: Counts
    reference: Reference


def find(version: VersionName, *, has_traffic: bool) -> BaselineInForce | None:
    """Return the baseline in force; None where the version has none, or is not registered and sends telemetry.

    Raises:
        UnknownModel: The model is not registered and sent nothing.
        UnknownVersion: The version is not registered and sent nothing.
    """
    try:
        registered = registry_queries.get_version(version.model, version.number)
    except Missing:
        if has_traffic:
            return None
        raise
    found = baselines.in_force(registered)
    return None if found is None else _read(found)


def find_many(versions: Collection[VersionName]) -> dict[VersionName, BaselineInForce]:
    """Return the baselines in force of those versions that have one, in one query."""
    rows = (
        Baseline.objects.filter(
            version__model__slug__in={version.model for version in versions},
            version__number__in={version.number for version in versions},
        )
        .select_related("version__model")
        .order_by("version_id", "-created_at")
        .distinct("version_id")
    )
    found = {VersionName(row.version.model.slug, row.version.number): row for row in rows}
    return {version: _read(row) for version, row in found.items() if version in versions}


def _read(found: Baseline) -> BaselineInForce:
    counts = Counts.of_statistics(found.statistics)
    summary = BaselineSummary(id=found.pk, samples=found.samples, source=found.source, created_at=found.created_at)
    return BaselineInForce(summary=summary, counts=counts, reference=Reference.of(counts.classes))
