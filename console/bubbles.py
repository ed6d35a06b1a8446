"""A bubble chart as geometry: two measured values are the place of a point, a third one is the area of its circle.

The server draws the chart as SVG (``console/bubbles.html``), so that the chart is there without scripts. Lengths are units of the
SVG's own system, in which the drawing is ``WIDTH`` by ``HEIGHT``; on the narrowest phones a unit is a little less than a pixel.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from console.tones import Tone

WIDTH: Final = 360
HEIGHT: Final = 220
LEFT: Final = 52
RIGHT: Final = 344
TOP: Final = 16
BOTTOM: Final = 184
_SMALLEST_RADIUS: Final = 3.5
_LARGEST_RADIUS: Final = 15.0
_LABEL: Final = 11.0
_WIDEST_TICK: Final = 52.0
# The part of an axis that stays free at each end.
_MARGIN: Final = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured thing. ``x`` is above 0 and drawn on a logarithmic scale; ``area`` may be unknown."""

    key: str
    words: str
    x: float
    y: float
    area: float | None = None
    tone: Tone = Tone.BUSY
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Bubble:
    """A point as it is drawn, with the place of its key."""

    point: Point
    x: float
    y: float
    radius: float
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A value of an axis, and its place."""

    value: float
    at: float


@dataclass(frozen=True, slots=True)
class BubbleChart:
    """The whole drawing. ``wanted`` is the height of a dashed line, where something is wanted."""

    description: str
    bubbles: list[Bubble]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    wanted: Tick | None
    largest_area: float | None


def draw(points: Sequence[Point], *, description: str, wanted: float | None = None) -> BubbleChart:
    """Place at least one point; larger circles come first, so that smaller ones are on top of them."""
    xs, ys = [math.log(point.x) for point in points], [point.y for point in points]
    x_axis = _Axis(min(xs), max(xs), LEFT, RIGHT, at_least=0.2)
    y_axis = _Axis(min([*ys, *_given(wanted)]), max([*ys, *_given(wanted)]), BOTTOM, TOP, at_least=0.002)
    largest = max((point.area for point in points if point.area), default=None)
    ordered = sorted(points, key=lambda point: -(point.area or 0.0))
    placed = [
        (point, x_axis.place(math.log(point.x)), y_axis.place(point.y), _radius(point, largest)) for point in ordered
    ]
    return BubbleChart(
        description=description,
        bubbles=list(_label(placed)),
        x_ticks=[Tick(math.exp(value), at) for value, at in x_axis.mark(xs, apart=_WIDEST_TICK)],
        y_ticks=[Tick(value, at) for value, at in y_axis.mark(ys, apart=_LABEL)],
        wanted=None if wanted is None else Tick(wanted, y_axis.place(wanted)),
        largest_area=largest,
    )


class _Axis:
    def __init__(self, low: float, high: float, start: float, end: float, *, at_least: float) -> None:
        # Equal values would have no scale: a range of ``at_least`` puts them in the middle.
        missing = max(0.0, at_least - (high - low)) / 2
        self._low, self._length = low - missing, high - low + 2 * missing
        self._start, self._span = start, end - start

    def place(self, value: float) -> float:
        part = (value - self._low) / self._length
        return round(self._start + self._span * (_MARGIN + (1 - 2 * _MARGIN) * part), 1)

    def mark(self, values: Sequence[float], *, apart: float) -> list[tuple[float, float]]:
        """Return the lowest and the highest value with their places; only the highest where both would overlap."""
        low, high = (min(values), self.place(min(values))), (max(values), self.place(max(values)))
        return [low, high] if abs(low[1] - high[1]) >= apart else [high]


def _radius(point: Point, largest: float | None) -> float:
    if not point.area or not largest:
        return _SMALLEST_RADIUS
    return round(max(_SMALLEST_RADIUS, _LARGEST_RADIUS * math.sqrt(point.area / largest)), 1)


def _label(placed: Sequence[tuple[Point, float, float, float]]) -> Iterator[Bubble]:
    """Put each key beside its circle, at the first side where no other key is."""
    taken: list[tuple[float, float]] = []
    for point, x, y, radius in placed:
        far = radius + _LABEL * 0.8
        sides = [
            (x, y - far),
            (x + far, y),
            (x - far, y),
            (x, y + far),
            (x + far, y - far),
            (x - far, y - far),
            (x + far, y + far),
        ]
        free = (side for side in sides if all(max(abs(side[0] - a), abs(side[1] - b)) >= _LABEL for a, b in taken))
        label = next(free, sides[-1])
        taken.append(label)
        yield Bubble(point, x, y, radius, round(label[0], 1), round(label[1], 1))


def _given(value: float | None) -> list[float]:
    return [] if value is None else [value]
