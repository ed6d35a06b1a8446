"""Why an alert fired: a sentence with the numbers, and the numbers as data."""

from typing import TypedDict

from analytics.drift import class_changes, scopes
from analytics.drift.statistics.comparison import Comparison, Judgment
from analytics.drift.statistics.severity import THRESHOLDS, Status
from ingest.roll_ups.keys import Scope

_SMALLEST_WRITTEN = 1e-12


class EvidenceBin(TypedDict):
    """One bin of the comparison, as ``BinShare``."""

    bin: str
    baseline: float
    current: float | None
    contribution: float | None


class Evidence(TypedDict):
    """The numbers behind an alert's sentence, as the row keeps them and the API answers them."""

    psi_raw: float | None
    psi_adjusted: float | None
    noise_band: float | None
    threshold: float
    p_value: float | None
    q_value: float | None
    samples: int
    required_samples: int
    baseline_samples: int
    overdispersion: float
    bins: list[EvidenceBin]


def write_sentence(compared: Comparison, *, judgment: Judgment, scope: Scope, version: str, window: str) -> str:
    """Write why an alert is raised; the comparison has an index."""
    threshold = THRESHOLDS.high if judgment.status is Status.HIGH else THRESHOLDS.medium
    figures = (
        f"adjusted PSI {compared.psi_adjusted:.2f} (threshold {threshold:g}), "
        f"n = {compared.samples:,} in {window}, {_probability(compared.p_value or 0.0)}"
    )
    changed = class_changes.describe(compared.bins)
    return f"The classes that {version} predicts drift {scopes.describe(scope)}: {figures}; {changed}."


def list_evidence(compared: Comparison, *, judgment: Judgment, overdispersion: float) -> Evidence:
    """Return the numbers behind the sentence."""
    return {
        "psi_raw": compared.psi_raw,
        "psi_adjusted": compared.psi_adjusted,
        "noise_band": compared.noise_band,
        "threshold": THRESHOLDS.medium,
        "p_value": compared.p_value,
        "q_value": judgment.q_value,
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
