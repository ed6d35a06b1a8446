"""Drift at each hardware target and each label, worst first."""

from dataclasses import dataclass

from django.conf import settings

from analytics.drift import queries
from analytics.drift.baselines_in_force import BaselineInForce
from analytics.drift.queries import VersionName
from analytics.drift.statistics import comparison
from analytics.drift.statistics.comparison import Comparison
from analytics.drift.statistics.severity import Status
from analytics.drift.windows import Window
from ingest.roll_ups.keys import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class ScopeDrift:
    """Drift at one target or label; the indices are None without a baseline."""

    scope: Scope
    samples: int
    status: Status
    psi_raw: float | None
    psi_adjusted: float | None


def rank(version: VersionName, baseline: BaselineInForce | None, *, window: Window) -> list[ScopeDrift]:
    """Compare every target and label with traffic in the window; q values are taken over all of them together."""
    found = queries.sum_classes_by_scope(version, kinds=[ScopeKind.TARGET, ScopeKind.LABEL], window=window)
    if baseline is None:
        rows = [
            ScopeDrift(scope, sum(classes.values()), Status.NO_BASELINE, None, None) for scope, classes in found.items()
        ]
        return sorted(rows, key=_place)
    compared: dict[Scope, Comparison] = {
        scope: comparison.compare(classes, reference=baseline.reference, overdispersion=settings.DRIFT_OVERDISPERSION)
        for scope, classes in found.items()
    }
    judged = comparison.judge(compared)
    rows = [
        ScopeDrift(scope, row.samples, judged[scope].status, row.psi_raw, row.psi_adjusted)
        for scope, row in compared.items()
    ]
    return sorted(rows, key=_place)


def _place(row: ScopeDrift) -> tuple[float, float, str]:
    return (-(row.psi_adjusted or 0.0), -(row.psi_raw or 0.0), row.scope.value)
