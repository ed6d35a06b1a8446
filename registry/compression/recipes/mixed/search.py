"""The rules of the search for the best set of nodes. Pure functions.

The quality of a set is not monotone in its size, so each set that counts is measured.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

# At least so many inferences choose, and so many give ranges.
MIN_EACH = 4
MAX_CHOOSING = 64
_CHOOSING_RATIO = 0.25
# One percent of the multiply-adds is worth so much noise, because it is as much speed.
_DECIBELS_PER_PERCENT = 0.25
# Parts of the nodes that are left out for trial, beyond those that the gate demands.
_FURTHER_RATIOS = (0.05, 0.1, 0.2, 0.35)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A measured set: all nodes but the ``left_out`` worst ones."""

    left_out: int
    # The part of all multiply-adds that computes in integers.
    quantized_ratio: float
    sqnr_db: float
    passes: bool

    @property
    def score(self) -> float:
        """What is weighed: noise against speed."""
        return self.sqnr_db + 100 * self.quantized_ratio * _DECIBELS_PER_PERCENT


def split(indices: Sequence[int]) -> tuple[list[int], list[int]]:
    """Split feeds into (for ranges, for choosing), which share none; empty lists where there are too few."""
    if len(indices) < 2 * MIN_EACH:
        return [], []
    count = min(MAX_CHOOSING, max(MIN_EACH, math.ceil(len(indices) * _CHOOSING_RATIO)))
    return list(indices[count:]), list(indices[:count])


def order_by_harm(noise: Mapping[str, float], multiply_adds: Mapping[str, int]) -> list[str]:
    """Return nodes by noise ÷ multiply-adds, the worst first."""
    return sorted(noise, key=lambda name: (-noise[name] / max(1, multiply_adds[name]), name))


def guess_noise(noise: Mapping[str, float], multiply_adds: Mapping[str, int]) -> dict[str, float]:
    """Return the noise of nodes that were not measured: the median of the others for the same work."""
    ratios = sorted(noise[name] / max(1, multiply_adds[name]) for name in noise)
    usual = ratios[len(ratios) // 2] if ratios else 0.0
    return {name: usual * work for name, work in multiply_adds.items() if name not in noise}


def choose_method(noise: Mapping[str, float]) -> str:
    """Return the method with the least noise; the first of equals."""
    return min(noise, key=lambda method: noise[method])


def bisect(low: int, high: int, measure: Callable[[int], Trial | None]) -> int | None:
    """Return the fewest nodes to leave out, between ``low`` and ``high``, with which the set passes.

    None where even ``high`` does not pass. ``measure`` returns None where the time is over: then the best known is returned.
    """
    first = measure(low)
    if first is None or first.passes:
        return None if first is None else low
    last = measure(high)
    if last is None or not last.passes:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        trial = measure(middle)
        if trial is None:
            break
        low, high = (low, middle) if trial.passes else (middle, high)
    return high


def further_sizes(fewest: int, *, nodes: int, at_most: int) -> list[int]:
    """Return further numbers of nodes to leave out that are worth a trial."""
    return sorted(
        {size for ratio in _FURTHER_RATIOS if fewest < (size := fewest + math.ceil(nodes * ratio)) <= at_most}
    )


def keep_front(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that no other one beats in both noise and speed, the fastest first."""
    front: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: (-trial.quantized_ratio, -trial.sqnr_db)):
        if not front or trial.sqnr_db > front[-1].sqnr_db:
            front.append(trial)
    return front


def choose(trials: Collection[Trial]) -> Trial | None:
    """Return the trial that passes with the best score, else the one with the least noise; None of none."""
    front = keep_front(trial for trial in trials if trial.passes)
    if front:
        return max(front, key=lambda trial: trial.score)
    return max(trials, key=lambda trial: trial.sqnr_db, default=None)
