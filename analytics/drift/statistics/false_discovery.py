"""Many comparisons at once: q values, so that a sweep over the fleet does not alarm by sheer number."""

from collections.abc import Sequence


def q_values(p_values: Sequence[float]) -> list[float]:
    """Return the Benjamini–Hochberg adjusted p value of each, in the order given.

    Calling everything with q below a level discovered keeps the expected share of false discoveries below that level.

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
