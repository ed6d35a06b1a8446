"""The population stability index: the plain formula, and the one corrected for sample size that decisions use.

Counts are keyed by bin. ``a`` is the window with n samples, ``b`` the baseline with m. Server and agent are both tested with
``tests/contract/vectors/drift.json``.
"""

import math
from collections.abc import Mapping, Sequence

from analytics.drift.statistics import chi_squared

# A smaller share counts as this one, so that a class that is missing on one side has a finite term.
SHARE_FLOOR = 1e-6


def contribution(share: float, *, baseline_share: float) -> float:
    """Return one bin's term of the plain index, shares floored at ``SHARE_FLOOR`` and not renormalized."""
    a, b = max(share, SHARE_FLOOR), max(baseline_share, SHARE_FLOOR)
    return (a - b) * math.log(a / b)


def raw(current: Mapping[str, int], *, baseline: Mapping[str, int]) -> float:
    """Return the plain index Σ (a − b)·ln(a / b) over every bin that either side has; both must have samples."""
    n, m = sum(current.values()), sum(baseline.values())
    return math.fsum(
        contribution(current.get(name, 0) / n, baseline_share=baseline.get(name, 0) / m)
        for name in {**baseline, **current}
    )


def smoothed(current: Sequence[int], *, baseline: Sequence[int]) -> float:
    """Return the index over B fixed bins with half a count added to each: a = (A + ½) / (n + B / 2), b likewise."""
    bins = len(baseline)
    n, m = sum(current) + bins / 2, sum(baseline) + bins / 2
    shares = [((a + 0.5) / n, (b + 0.5) / m) for a, b in zip(current, baseline, strict=True)]
    return math.fsum((a - b) * math.log(a / b) for a, b in shares)


def sampling_scale(samples: int, *, baseline_samples: int, overdispersion: float) -> float:
    """Return c·(1/n + 1/m): the unit in which the index varies where nothing has drifted.

    Without drift the index divided by it is chi-squared with B − 1 degrees of freedom (Yurdakul 2018; Yurdakul & Naranjo
    2020). ``overdispersion`` is c ≥ 1, by how much the variance of correlated samples exceeds that of independent ones.
    """
    return overdispersion * (1 / samples + 1 / baseline_samples)


def noise_band(scale: float, *, bins: int) -> float:
    """Return what the index is expected to be without drift: c·(B − 1)·(1/n + 1/m)."""
    return scale * (bins - 1)


def adjusted(smoothed_index: float, *, noise: float) -> float:
    """Return the index less its noise band, at least 0. The thresholds apply to this one."""
    return max(0.0, smoothed_index - noise)


def p_value(smoothed_index: float, *, scale: float, bins: int) -> float:
    """Return the probability of an index at least this large without drift."""
    return chi_squared.survival(smoothed_index / scale, degrees_of_freedom=bins - 1)
