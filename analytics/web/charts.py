"""The charts of drift, described for the console."""

from collections.abc import Iterable, Sequence

from analytics.drift.statistics.comparison import BinShare
from analytics.drift.statistics.confidence import ConfidenceSummary
from analytics.drift.statistics.severity import Status
from analytics.drift.version_drift import Series
from analytics.states import TONES
from console import charts
from console.charts import Bar, Bars, Column, Columns, Line, LineChart, LineLook, SharePair, SharePairs

# Both thresholds of drift are below this.
_LOWEST_TOP = 0.5


def describe_series(series: Series) -> LineChart:
    """Draw the index per time bucket, with the thresholds that alarm."""
    points, thresholds = series.points, series.thresholds
    lines = [
        Line(label="chance", look=LineLook.AREA, values=[point.noise_band for point in points]),
        Line(label="plain", look=LineLook.SECONDARY, values=[point.psi_raw for point in points]),
        Line(label="adjusted", look=LineLook.MAIN, values=[point.psi_adjusted for point in points]),
    ]
    is_judged = [point.is_sufficient for point in points]
    return {
        "description": "Adjusted and plain PSI over time, with thresholds; the same figures are in the table below",
        "start_at": series.window.start_at.timestamp(),
        "end_at": series.window.end_at.timestamp(),
        "times_label": "From (UTC)",
        "times": [point.start_at.timestamp() for point in points],
        "lines": lines,
        "thresholds": [
            {"words": Status.MEDIUM, "value": thresholds.medium, "tone": TONES[Status.MEDIUM]},
            {"words": Status.HIGH, "value": thresholds.high, "tone": TONES[Status.HIGH]},
        ],
        "counts": {"label": "n", "values": [point.samples for point in points]},
        "is_judged": is_judged,
        "top": charts.choose_top(lines, is_judged=is_judged, lowest=_LOWEST_TOP),
    }


def describe_classes(bins: Iterable[BinShare], *, when: str = "now") -> SharePairs:
    """Draw the share of each class beside the baseline's."""
    pairs = [SharePair(row.bin, row.current, row.baseline) for row in _ordered(bins)]
    return SharePairs(pairs, description=f"Share of each class {when} and in the baseline")


def describe_contributions(bins: Iterable[BinShare]) -> Bars:
    """Draw the term of the plain index that each class makes."""
    return Bars([Bar(row.bin, row.contribution) for row in _ordered(bins)])


def describe_confidence(found: ConfidenceSummary) -> Columns:
    """Draw the histogram of confidence, with the baseline's as lines."""
    # Either may be missing: no baseline yet, or no inference in the window.
    current = found.current or [0.0] * len(found.baseline or [])
    normal: Sequence[float | None] = found.baseline or [None] * len(current)
    return Columns(
        [Column(share, beside) for share, beside in zip(current, normal, strict=True)],
        description="Histogram of confidence now, with the baseline as lines",
        share_words="now",
        compared_words="in the baseline",
        axis=("0 %", "50 %", "100 %"),
    )


def _ordered(bins: Iterable[BinShare]) -> list[BinShare]:
    """Sort class ids by number, and bins of other names after them."""
    return sorted(bins, key=lambda row: _place_of_bin(row.bin))


def _place_of_bin(name: str) -> tuple[bool, int, str]:
    is_class = name.lstrip("-").isdecimal()
    return (not is_class, int(name) if is_class else 0, name)
