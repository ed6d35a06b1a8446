"""Charts as data: an app says what to draw, and the console draws it.

A line chart goes to ``line_chart.js`` as JSON, so its parts are dictionaries. Bars and columns are plain HTML. The templates
are in ``templates/console/``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TypedDict

from console.tones import Tone

_ROOM_ABOVE = 1.15
_ABOVE_MEDIAN = 2.0
_FEWEST_FOR_MEDIAN = 5


class LineLook(StrEnum):
    """How a line is drawn. The main line alone has a mark at every point."""

    MAIN = "main"
    SECONDARY = "secondary"
    # Filled down to zero.
    AREA = "area"


class Line(TypedDict):
    """One line, with a value (or None) at each of the chart's times."""

    label: str
    look: LineLook
    values: list[float | None]


class Threshold(TypedDict):
    """A dashed line at one value, with its words."""

    words: str
    value: float
    tone: Tone


class LineCounts(TypedDict):
    """How many samples each point stands for; shown in the legend only."""

    label: str
    values: list[int]


class LineChart(TypedDict):
    """Lines over time. Times are epoch seconds, and are written in UTC.

    ``is_judged`` says which points the thresholds apply to: the others are hollow, and the lines leave them out.
    ``thresholds`` rise. Values above ``top`` are marked at the upper edge.
    """

    # For people who cannot see the chart.
    description: str
    start_at: float
    end_at: float
    times_label: str
    times: list[float]
    lines: list[Line]
    thresholds: list[Threshold]
    counts: LineCounts
    is_judged: list[bool]
    top: float


def choose_top(lines: Sequence[Line], *, is_judged: Sequence[bool], lowest: float) -> float:
    """Return the value at the upper edge of a line chart, at least ``lowest``.

    Only judged points count: a point of very few samples can be so high that it would flatten all the others. Where no point is
    judged, five points or more of the main line set the scale by their median, which single high points do not move.
    """
    if not any(is_judged):
        main = [value for line in lines if line["look"] is LineLook.MAIN for value in line["values"] if value]
        return max(lowest, _ABOVE_MEDIAN * median(main)) if len(main) >= _FEWEST_FOR_MEDIAN else lowest
    values = [
        value for line in lines for value, judged in zip(line["values"], is_judged, strict=True) if judged and value
    ]
    return max(lowest, _ROOM_ABOVE * max(values, default=0.0))


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar."""

    label: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars, in the order given."""

    bars: list[Bar]

    @property
    def largest(self) -> float:
        """The value that fills the width."""
        return _largest([bar.value for bar in self.bars])


@dataclass(frozen=True, slots=True)
class SharePair:
    """Two shares of 1 under one label: the second is what the first is compared with."""

    label: str
    share: float | None
    compared_with: float


@dataclass(frozen=True, slots=True)
class SharePairs:
    """Horizontal pairs of bars, in the order given. ``description`` is for people who cannot see them."""

    pairs: list[SharePair]
    description: str

    @property
    def largest(self) -> float:
        """The share that fills the width."""
        return _largest([share for pair in self.pairs for share in (pair.share, pair.compared_with)])


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a histogram; a line marks what it is compared with, where there is something."""

    share: float
    compared_with: float | None


@dataclass(frozen=True, slots=True)
class Columns:
    """A histogram of shares of 1. ``share_words`` and ``compared_words`` follow the shares in each column's title."""

    columns: list[Column]
    description: str
    share_words: str
    compared_words: str
    axis: tuple[str, ...]

    @property
    def largest(self) -> float:
        """The share that fills the height."""
        return _largest([share for column in self.columns for share in (column.share, column.compared_with)])


def _largest(values: Sequence[float | None]) -> float:
    return max((value or 0.0 for value in values), default=0.0) or 1.0
