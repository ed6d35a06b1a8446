"""Measures sets of quantized nodes on samples that gave no ranges, beside the source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx

from registry.compression.arrays import Array
from registry.compression.calibration.histograms import Range
from registry.compression.recipes.mixed import pairs
from registry.compression.recipes.mixed.candidates import Candidate
from registry.compression.recipes.mixed.pairs import ActivationType
from registry.compression.recipes.source import Judge
from registry.compression.recipes.weights.rounding import QuantizedWeight
from registry.compression.runtime import open_session

Outputs = Sequence[Array]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A prepared model with everything that quantizes it, and the samples that choose."""

    model: onnx.ModelProto
    weights: Mapping[str, QuantizedWeight]
    # By method, then by tensor.
    ranges: Mapping[str, Mapping[str, Range]]
    activations: ActivationType
    feeds: Sequence[Mapping[str, Array]]
    threads: int
    _wanted: list[Outputs] = field(default_factory=list)

    def build(self, methods: Mapping[str, str], candidates: Collection[Candidate]) -> onnx.ModelProto:
        """Quantize candidates, each with the method of its ranges; a shared tensor follows the first node that needs it."""
        chosen: dict[str, Range] = {}
        # The node that makes a tensor decides before those that read it.
        for is_result in (True, False):
            for candidate in candidates:
                name = candidate.result if is_result else candidate.activation
                if name:
                    chosen.setdefault(name, self.ranges[methods[candidate.name]][name])
        return pairs.quantize(self.model, candidates, ranges=chosen, weights=self.weights, activations=self.activations)

    def run(self, model: onnx.ModelProto, *, feeds: int | None = None) -> list[tuple[Outputs, Outputs]]:
        """Return the outputs of the source and of the model, for each inference."""
        session = open_session(model.SerializeToString(), threads=self.threads)
        return [
            (wanted, session.run(None, dict(feed)))
            for wanted, feed in zip(self._source(len(self.feeds[:feeds])), self.feeds[:feeds], strict=True)
        ]

    def _source(self, count: int) -> list[Outputs]:
        if len(self._wanted) < count:
            session = open_session(self.model.SerializeToString(), threads=self.threads)
            self._wanted.extend(session.run(None, dict(feed)) for feed in self.feeds[len(self._wanted) : count])
        return self._wanted[:count]


def measure_noise(compared: Collection[tuple[Outputs, Outputs]]) -> float:
    """Return noise energy ÷ signal energy of the worst output, where the source is finite; of decisions the part that changed."""
    worst = 0.0
    for pairs_of_output in zip(*(zip(source, variant, strict=True) for source, variant in compared), strict=True):
        if any(want.shape != got.shape for want, got in pairs_of_output):
            return float("inf")
        signal = noise = 0.0
        for want, got in pairs_of_output:
            energies = _energies(want, got)
            signal, noise = signal + energies[0], noise + energies[1]
        ratio = noise / signal if signal > 0 else float(noise > 0)
        # NaN of the variant is worse than any noise.
        worst = max(worst, ratio if np.isfinite(ratio) else float("inf"))
    return worst


def _energies(want: Array, got: Array) -> tuple[float, float]:
    """Return (signal, noise) of one output."""
    if want.dtype.kind != "f":
        return float(want.size), float((want != got).sum())
    known = np.isfinite(want)
    finite = want[known].astype(np.float64)
    return float(np.square(finite).sum()), float(np.square(finite - got[known].astype(np.float64)).sum())


def passes(judge: Judge, compared: Collection[tuple[Outputs, Outputs]]) -> bool:
    """Return whether the gate of the task accepts the outputs."""
    return not judge(compared)
