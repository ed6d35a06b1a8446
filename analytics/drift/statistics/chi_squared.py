"""The upper tail of the chi-squared distribution, in closed form for whole degrees of freedom."""

import math


def survival(value: float, *, degrees_of_freedom: int) -> float:
    """Return the probability that a chi-squared variable exceeds ``value``.

    Every term is positive and computed from its logarithm, so no term cancels another and none overflows. Answers below about
    1e-308 are 0.

    Args:
        value: At or above 0.
        degrees_of_freedom: At least 1.

    Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.4.4 (odd) and 26.4.5 (even degrees of freedom).
    """
    half = value / 2
    if half <= 0:
        return 1.0
    log_half = math.log(half)
    is_odd = degrees_of_freedom % 2
    # Half-integer powers of the series for odd degrees of freedom, whole ones for even.
    first_power = 0.5 if is_odd else 0.0
    powers = (first_power + step for step in range(degrees_of_freedom // 2))
    terms = [math.exp(power * log_half - half - math.lgamma(power + 1)) for power in powers]
    tail = math.erfc(math.sqrt(half)) if is_odd else 0.0
    return min(1.0, math.fsum([tail, *terms]))
