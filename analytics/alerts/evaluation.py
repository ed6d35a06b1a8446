"""Evaluate the drift of every version with traffic, and move the alerts.

1. Take an advisory lock; while another evaluation has it, there is nothing to do.
2. Sum the classes of every version with traffic in the window, at the fleet and at each label: one query.
3. Compare each sum with the baseline in force; Benjamini–Hochberg over all that have enough samples.
4. Move the alert of each key by one observation. Keys without data, or with too little of it, keep their alert as it is.

An evaluation counts for the EVALUATION_INTERVAL that it falls into, so two within one interval count once.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from analytics import states
from analytics.alerts import queries as alert_queries
from analytics.alerts import reasons
from analytics.alerts import verbs as alerts
from analytics.alerts.verbs import AlertKey, EvaluationResult
from analytics.drift import baselines_in_force, queries, windows
from analytics.drift.statistics import comparison
from analytics.drift.statistics.comparison import Comparison, Judgment
from core.formats.durations import format_duration
from ingest.roll_ups.keys import ScopeKind

# The key of the advisory lock that evaluations take; any number that no other lock has.
_LOCK = 7_340_101
# The scopes that alerts are raised for.
_KINDS = (ScopeKind.FLEET, ScopeKind.LABEL)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How many comparisons an evaluation made, and how many of them alarm."""

    compared: int
    alarming: int


@transaction.atomic
def evaluate(*, at: datetime) -> Evaluation | None:
    """Evaluate once; None where another evaluation runs. Safe to repeat and to run concurrently."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
    evaluated_at = windows.floor(at, step=settings.EVALUATION_INTERVAL)
    compared = _compare_all(at=at)
    judged = comparison.judge(compared)
    open_alerts = {AlertKey.of(alert): alert for alert in alert_queries.list_open()}
    for key, row in compared.items():
        result = _describe(key, row, judged[key])
        if result is not None:
            alerts.observe(key, alert=open_alerts.get(key), result=result, evaluated_at=evaluated_at, at=at)
    alerts.forget_pending(evaluated_before=evaluated_at - settings.DRIFT_WINDOW)
    return Evaluation(compared=len(compared), alarming=sum(row.status.is_alarm for row in judged.values()))


def _compare_all(*, at: datetime) -> dict[AlertKey, Comparison]:
    window = windows.Window.ending(at, length=settings.DRIFT_WINDOW, bucket=settings.ROLLUP_BUCKET)
    counted = queries.sum_classes_of_every_version(window, kinds=_KINDS)
    baselines = baselines_in_force.find_many(counted)
    return {
        AlertKey(version, scope): comparison.compare(
            classes, reference=baselines[version].reference, overdispersion=settings.DRIFT_OVERDISPERSION
        )
        for version, by_scope in counted.items()
        if version in baselines
        for scope, classes in by_scope.items()
    }


def _describe(key: AlertKey, row: Comparison, judgment: Judgment) -> EvaluationResult | None:
    observation = states.observe(judgment.status, psi_adjusted=row.psi_adjusted)
    if observation is None:
        return None
    sentence = reasons.write_sentence(
        row,
        judgment=judgment,
        scope=key.scope,
        version=f"{key.version.model} {key.version.number}",
        window=format_duration(settings.DRIFT_WINDOW),
    )
    evidence = reasons.list_evidence(row, judgment=judgment, overdispersion=settings.DRIFT_OVERDISPERSION)
    return EvaluationResult(observation, judgment.status, sentence, evidence)
