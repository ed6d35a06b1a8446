"""q values for many comparisons at once: without them, some of many comparisons would alarm by chance alone."""

from collections.abc import Sequence


def q_values(p_values: Sequence[float]) -> list[float]:
    """Return the Benjamini–Hochberg adjusted p value of each, in the order given.

    Among the comparisons with q below a level, the expected share of false alarms is below that level.

    Source: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57(1), equation (1), in its step-up adjusted form.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    smallest = 1.0
    for rank, index in zip(
        range(count, 0, -1), sorted(range(count), key=lambda i: p_values[i], reverse=True), strict=True
    ):
        smallest = min(smallest, p_values[index] * (count / rank))
        adjusted[index] = smallest
    return adjusted
