"""Count how often the drift rule alarms without drift, and how often it finds a true shift: `python -m bench.drift_false_alarms`.

Each quiet fleet has 1,000 windows, drawn from the distribution of the baseline over 10 classes. The product's code and the
plain rule (PSI > 0.2) judge each window. A correlated sample repeats the class of the one before with probability 0.9, as
neighboring camera frames do. Its variance is (1 + 0.9) / (1 − 0.9) = 19 times that of independent samples;
DRIFT_OVERDISPERSION = 20 allows for this. Exits with 1 if a bar is missed.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics import states
from analytics.drift.statistics import comparison
from analytics.drift.statistics.comparison import Comparison, Reference

SEED = 20_260_504
WINDOWS = 1_000
BASELINE_SAMPLES = 20_000
PLAIN_THRESHOLD = 0.2
TRUE_PSI = 0.25
# A day has 1,000 samples; this many of them are new after five minutes.
NEW_SAMPLES = round(1_000 * 5 / (24 * 60))

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quiet:
    """A fleet without drift, and the number of its windows that may alarm."""

    name: str
    samples: int
    persistence: float
    overdispersion: float
    most_alarms: int


FLEETS = [
    Quiet("n = 100, independent, c = 1", 100, 0.0, 1.0, 1),
    Quiet("n = 1,000, independent, c = 1", 1_000, 0.0, 1.0, 1),
    Quiet("n = 1,000, persistence 0.9, c = 20", 1_000, 0.9, 20.0, 5),
    Quiet("n = 10,000, persistence 0.9, c = 20", 10_000, 0.9, 20.0, 5),
]


def main() -> int:
    """Print every figure beside its bar; return the exit status."""
    random = np.random.default_rng(SEED)
    shares = random.dirichlet(np.full(10, 5.0))
    reference = Reference.of(_counted(random.choice(10, size=BASELINE_SAMPLES, p=shares)))
    print(f"alarming windows among {WINDOWS:,} without drift (seed {SEED})")
    print(f"{'':40} {'modelfleet':>10} {'PSI > 0.2':>10} {'bar':>6}  alerts  judged")
    results = [_report_quiet(fleet, random=random, shares=shares, reference=reference) for fleet in FLEETS]
    results.append(_report_detection(random=random))
    print("all bars met" if all(results) else "A BAR IS MISSED")
    return 0 if all(results) else 1


def _report_quiet(fleet: Quiet, *, random: np.random.Generator, shares: Shares, reference: Reference) -> bool:
    windows = [
        comparison.compare(classes, reference=reference, overdispersion=fleet.overdispersion)
        for classes in _windows(WINDOWS, fleet.samples, persistence=fleet.persistence, random=random, shares=shares)
    ]
    ours = sum(window.status().is_alarm for window in windows)
    plain = sum((window.psi_raw or 0.0) > PLAIN_THRESHOLD for window in windows)
    judged = sum(window.is_sufficient for window in windows)
    print(f"{fleet.name:40} {ours:>10} {plain:>10} {'≤ ' + str(fleet.most_alarms):>6} {_fired(windows):>7} {judged:>7}")
    return ours <= fleet.most_alarms


def _report_detection(*, random: np.random.Generator) -> bool:
    """Count the fleets whose alert fires on the second evaluation after a true shift; each trial is one fleet.

    As the product evaluates, the windows slide: a day's 1,000 samples, looked at every five minutes. Two windows with no
    sample in common are the harder case, printed beside it.
    """
    sliding = disjoint = plain = 0
    for _ in range(WINDOWS):
        shares = np.maximum(random.dirichlet(np.full(10, 2.0)), 0.01)
        shares /= shares.sum()
        reference = Reference.of(_counted(random.choice(10, size=BASELINE_SAMPLES, p=shares)))
        classes = random.choice(10, size=2_000, p=_shift_to(TRUE_PSI, shares=shares))
        first, soon, later = (
            comparison.compare(_counted(classes[start : start + 1_000]), reference=reference, overdispersion=1.0)
            for start in (0, NEW_SAMPLES, 1_000)
        )
        sliding += _fired([first, soon])
        disjoint += _fired([first, later])
        plain += min(first.psi_raw or 0.0, soon.psi_raw or 0.0) > PLAIN_THRESHOLD
    print(f"\na true PSI of {TRUE_PSI} at n = 1,000: alerts that fire on the second window, of {WINDOWS:,} fleets")
    print(f"{'a day, evaluated every 5 minutes':40} {sliding / WINDOWS:>10.1%} {plain / WINDOWS:>10.1%} {'≥ 85%':>6}")
    print(f"{'two disjoint windows':40} {disjoint / WINDOWS:>10.1%}")
    return sliding / WINDOWS >= 0.85


def _fired(windows: list[Comparison] | tuple[Comparison, ...]) -> int:
    """Count how often the alert's state machine fires on windows in a row."""
    state, streak, fired = None, 0, 0
    for window in windows:
        observation = states.observe(window.status(), psi_adjusted=window.psi_adjusted)
        if observation is None:
            continue
        step = states.step(state, streak=streak, observation=observation)
        fired += step.state is states.AlertState.FIRING and state is not states.AlertState.FIRING
        state, streak = (None, 0) if step.state is states.AlertState.RESOLVED else (step.state, step.streak)
    return fired


def _windows(
    number: int, samples: int, *, persistence: float, random: np.random.Generator, shares: Shares
) -> Iterator[dict[str, int]]:
    for _ in range(number):
        fresh = random.choice(len(shares), size=samples, p=shares)
        # A sample that is not drawn anew has the class of the last sample that was.
        is_fresh = random.random(samples) >= persistence
        is_fresh[0] = True
        yield _counted(fresh[np.maximum.accumulate(np.where(is_fresh, np.arange(samples), 0))])


def _counted(classes: npt.NDArray[np.int64]) -> dict[str, int]:
    found, counts = np.unique(classes, return_counts=True)
    return {str(class_id): int(count) for class_id, count in zip(found, counts, strict=True)}


def _shift_to(wanted: float, *, shares: Shares) -> Shares:
    """Return shares with exactly the wanted PSI against the given ones: a part of each class moves to the rarest class."""
    other = np.eye(len(shares))[np.argmin(shares)]
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        mixed = (1 - middle) * shares + middle * other
        index = float(np.sum((mixed - shares) * np.log(mixed / shares)))
        low, high = (middle, high) if index < wanted else (low, middle)
    return (1 - low) * shares + low * other


if __name__ == "__main__":
    sys.exit(main())
