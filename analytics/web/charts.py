"""What the charts of the drift page are drawn from."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from analytics.drift.report import Drift, Series, SeriesPoint
from analytics.drift.statistics.comparison import BinShare

_CONFIDENCE_BINS = 20
# Both thresholds of drift are below this.
_LOWEST_TOP = 0.5
_ROOM_ABOVE = 1.15


class ThresholdLines(TypedDict):
    """The indices that drift is judged by; the chart draws a line at medium and high."""

    watch: float
    medium: float
    high: float


class ChartSeries(TypedDict):
    """The series as the chart's script reads it: one list per column, times in epoch seconds."""

    at: list[float]
    psi_adjusted: list[float | None]
    psi_raw: list[float | None]
    noise_band: list[float | None]
    samples: list[int]
    is_sufficient: list[bool]
    thresholds: ThresholdLines
    start_at: float
    end_at: float
    top: float


class Bars(TypedDict):
    """The bins in the order that people read, and the largest value of each chart, which fills its width."""

    bins: list[BinShare]
    largest_share: float
    largest_term: float
    largest_confidence: float
    confidence: list[tuple[float, float]]


def describe_series(series: Series) -> ChartSeries:
    """Return what the chart of a series is drawn from."""
    points, thresholds = series.points, series.thresholds
    return {
        "at": [point.start_at.timestamp() for point in points],
        "psi_adjusted": [point.psi_adjusted for point in points],
        "psi_raw": [point.psi_raw for point in points],
        "noise_band": [point.noise_band for point in points],
        "samples": [point.samples for point in points],
        "is_sufficient": [point.is_sufficient for point in points],
        "thresholds": {"watch": thresholds.watch, "medium": thresholds.medium, "high": thresholds.high},
        "start_at": series.window.start_at.timestamp(),
        "end_at": series.window.end_at.timestamp(),
        "top": choose_top(points),
    }


def choose_top(points: Sequence[SeriesPoint]) -> float:
    """Return the index at the upper edge of the chart.

    Only buckets with enough inferences count: four inferences can make an index of 9, which would flatten all the others.
    """
    judged = [point for point in points if point.is_sufficient]
    values = [value for point in judged for value in (point.psi_adjusted, point.psi_raw, point.noise_band) if value]
    return max(_LOWEST_TOP, _ROOM_ABOVE * max(values, default=0.0))


def measure_bars(found: Drift) -> Bars:
    """Return what the bars of the page are drawn from."""
    nothing = [0.0] * _CONFIDENCE_BINS
    current, normal = found.confidence.current or nothing, found.confidence.baseline or nothing
    return {
        "bins": sorted(found.bins, key=lambda row: place_of_bin(row.bin)),
        "largest_share": _largest(share for row in found.bins for share in (row.baseline, row.current or 0.0)),
        "largest_term": _largest(row.contribution or 0.0 for row in found.bins),
        "largest_confidence": _largest([*current, *normal]),
        "confidence": list(zip(current, normal, strict=True)),
    }


def place_of_bin(name: str) -> tuple[bool, int, str]:
    """Return a key that sorts class ids by number, and what is no class id after them."""
    is_class = name.lstrip("-").isdecimal()
    return (not is_class, int(name) if is_class else 0, name)


def _largest(values: Iterable[float]) -> float:
    return max(values, default=0.0) or 1.0
