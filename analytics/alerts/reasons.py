"""Why an alert fired: a sentence with the numbers, and the numbers as data."""

from collections.abc import Sequence
from typing import Any

from analytics.drift import scopes
from analytics.drift.statistics.bins import OTHER, UNSEEN
from analytics.drift.statistics.comparison import BinShare, Comparison, Judgement
from analytics.drift.statistics.severity import THRESHOLDS, Status
from ingest.roll_ups.keys import Scope

# A class is named where it makes at least this share of the index.
NAMED_SHARE = 0.1
MOST_NAMED = 3
_SMALLEST_WRITTEN = 1e-12


def sentence(compared: Comparison, *, judgement: Judgement, scope: Scope, version: str, window: str) -> str:
    """Write why the alert fires, for a comparison that has an index."""
    threshold = THRESHOLDS.high if judgement.status is Status.HIGH else THRESHOLDS.medium
    figures = (
        f"adjusted PSI {compared.psi_adjusted:.2f} (threshold {threshold:g}), "
        f"n = {compared.samples:,} in {window}, {_probability(compared.p_value or 0.0)}"
    )
    return f"The classes that {version} predicts drift {scopes.describe(scope)}: {figures}; {changes(compared.bins)}."


def changes(bins: Sequence[BinShare]) -> str:
    """Name the classes that make most of the index: ``classes 3 and 8 grew, class 1 shrank``."""
    total = sum(row.contribution or 0.0 for row in bins)
    ranked = sorted(bins, key=lambda row: row.contribution or 0.0, reverse=True)[:MOST_NAMED]
    named = [row for row in ranked if (row.contribution or 0.0) > NAMED_SHARE * total]
    grew = [row.bin for row in named if (row.current or 0.0) > row.baseline]
    shrank = [row.bin for row in named if (row.current or 0.0) < row.baseline]
    parts = [f"{_names(names)} {verb}" for names, verb in ((grew, "grew"), (shrank, "shrank")) if names]
    return ", ".join(parts) or "no single class stands out"


def facts(compared: Comparison, *, judgement: Judgement, overdispersion: float) -> dict[str, Any]:
    """Return the numbers behind the sentence, as JSON."""
    return {
        "psi_raw": compared.psi_raw,
        "psi_adjusted": compared.psi_adjusted,
        "noise_band": compared.noise_band,
        "threshold": THRESHOLDS.medium,
        "p_value": compared.p_value,
        "q_value": judgement.q_value,
        "samples": compared.samples,
        "required_samples": compared.required_samples,
        "baseline_samples": compared.baseline_samples,
        "overdispersion": overdispersion,
        "bins": [
            {"bin": row.bin, "baseline": row.baseline, "current": row.current, "contribution": row.contribution}
            for row in compared.bins
        ],
    }


def _probability(p_value: float) -> str:
    return "p < 1e-12" if p_value < _SMALLEST_WRITTEN else f"p = {p_value:.2g}"


def _names(bins: Sequence[str]) -> str:
    ids = sorted((name for name in bins if name not in {OTHER, UNSEEN}), key=lambda name: (len(name), name))
    special = [
        {OTHER: "the rare classes", UNSEEN: "classes unknown to the baseline"}[name] for name in bins if name not in ids
    ]
    classes = [f"{'class' if len(ids) == 1 else 'classes'} {_and(ids)}"] if ids else []
    return _and([*classes, *special])


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
