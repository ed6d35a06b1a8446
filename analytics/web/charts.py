"""What the charts of the drift page are drawn from."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from analytics.drift import Drift, Series

_COLUMNS = ("psi_adjusted", "psi_raw", "noise_band", "samples", "is_sufficient")
_CONFIDENCE_BINS = 20


def describe_series(series: Series) -> dict[str, Any]:
    """Return the series as the chart's script reads it: epoch seconds, and one list per column."""
    points = [asdict(point) for point in series.points]
    return {
        "at": [point["start_at"].timestamp() for point in points],
        **{column: [point[column] for point in points] for column in _COLUMNS},
        "thresholds": asdict(series.thresholds),
        "from": series.window.start_at.timestamp(),
        "to": series.window.end_at.timestamp(),
    }


def measure_bars(found: Drift) -> dict[str, Any]:
    """Return the bins in the order that people read, and the largest value of each chart, which fills its width."""
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
