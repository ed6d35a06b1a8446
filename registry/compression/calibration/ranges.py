"""A streaming calibrator: the range of every activation, in memory that does not grow with the number of samples.

1. every float tensor of the graph becomes an output
2. pass one: the running minimum and maximum of each
3. pass two: ``numpy.bincount`` of each into 2,048 bins between the two
4. from each histogram, the range: all of it, percentiles, or the clip of least squared error

ONNX Runtime's own Percentile and Entropy calibrators keep every activation of every sample: 4.3 GB for 64 images of 224².
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx

from registry.compression.arrays import Array
from registry.compression.runtime import open_session

BINS = 2048
_LEVELS = 256
_CLIPS = np.linspace(0.2, 1.0, 81)

Range = tuple[float, float]
Feeds = Callable[[], Iterable[Mapping[str, Array]]]


class NotFinite(ValueError):
    """An activation is NaN or infinite on a calibration sample."""


@dataclass
class _Histogram:
    low: float
    high: float
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))

    def add(self, values: Array) -> None:
        # In place and in float32, which is 2.5 times faster than the plain expression and counts the same.
        position = np.subtract(values.ravel(), np.float32(self.low), dtype=np.float32)
        position *= np.float32(BINS / (self.high - self.low) if self.high > self.low else 0.0)
        np.clip(position, 0, BINS - 1, out=position)
        self.counts += np.bincount(position.astype(np.intp), minlength=BINS)

    @property
    def centers(self) -> npt.NDArray[np.float64]:
        return self.low + (np.arange(BINS) + 0.5) * (self.high - self.low) / BINS


def collect(
    model: onnx.ModelProto, feeds: Feeds, *, method: str = "minmax", percentile: float = 99.99, threads: int = 2
) -> dict[str, Range]:
    """Return the (lowest, highest) of every float tensor; ``method`` is ``minmax``, ``percentile`` or ``mse``.

    ``feeds`` is called once per pass and must give the same inputs each time.

    Raises:
        NotFinite: An activation is NaN or infinite.
    """
    names = float_tensors(model)
    session = open_session(_with_outputs(model, names), threads=threads, level="basic")
    inputs = set(names) & {value.name for value in model.graph.input}
    outputs = [name for name in names if name not in inputs]

    def activations() -> Iterable[tuple[str, Array]]:
        for feed in feeds():
            yield from zip(outputs, session.run(outputs, feed), strict=True)
            yield from ((name, feed[name]) for name in inputs)

    limits = _find_limits(activations())
    if method == "minmax":
        return limits
    histograms = {name: _Histogram(*limit) for name, limit in limits.items()}
    for name, values in activations():
        histograms[name].add(values)
    choose = _choose_percentile(percentile) if method == "percentile" else choose_least_error
    return {name: choose(histogram) for name, histogram in histograms.items()}


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the names of all float32 tensors of the main graph whose type is known, weights left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    made = {name for node in model.graph.node for name in node.output if name}
    fed = {value.name for value in model.graph.input} - weights
    values = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    typed = {value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    return sorted(typed & (made | fed))


def choose_least_error(histogram: _Histogram) -> Range:
    """Return the clip of the range that loses least: squared error of clipping plus step²/12 of rounding."""
    centers, counts = histogram.centers, histogram.counts
    candidates = [(min(0.0, histogram.low) * clip, max(0.0, histogram.high) * clip) for clip in _CLIPS]

    def error(candidate: Range) -> float:
        low, high = candidate
        inside = (centers >= low) & (centers <= high)
        clipped = (centers - np.clip(centers, low, high)) ** 2
        rounded = ((high - low) / (_LEVELS - 1)) ** 2 / 12
        return float((counts * np.where(inside, rounded, clipped)).sum())

    return min(candidates, key=error)


def _choose_percentile(percentile: float) -> Callable[[_Histogram], Range]:
    def choose(histogram: _Histogram) -> Range:
        share = np.cumsum(histogram.counts) / max(1, histogram.counts.sum())
        edges = np.linspace(histogram.low, histogram.high, BINS + 1)
        outside = 1 - percentile / 100
        low = edges[int(np.searchsorted(share, outside, side="right"))]
        high = edges[min(BINS, int(np.searchsorted(share, 1 - outside)) + 1)]
        return float(low), float(high)

    return choose


def _find_limits(activations: Iterable[tuple[str, Array]]) -> dict[str, Range]:
    limits: dict[str, Range] = {}
    for name, values in activations:
        if not values.size:
            continue
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            message = f'The activation "{name}" is not finite on a calibration sample.'
            raise NotFinite(message)
        known = limits.get(name, (low, high))
        limits[name] = (min(low, known[0]), max(high, known[1]))
    return limits


def _with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> bytes:
    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    present = {value.name for value in model.graph.output} | {value.name for value in model.graph.input}
    augmented.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in present
    )
    data: bytes = augmented.SerializeToString()
    return data
