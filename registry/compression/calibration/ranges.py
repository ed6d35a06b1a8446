"""A streaming calibrator: three ranges of every activation, in memory that does not grow with the number of samples.

1. every float tensor of the graph becomes an output; a few of them are computed at a time
2. one pass over the samples: the exact minimum and maximum of each, and a histogram whose bins are known before
3. from each histogram three ranges: all of it, percentiles, or the clip of least squared error

ONNX Runtime's own Percentile and Entropy calibrators keep every activation of every sample: 4.3 GB for 64 images of 224².
"""

import itertools
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.calibration.histograms import METHODS, Histogram, Range, make_symmetric
from registry.compression.runtime import open_session

# Activations of one sample that are in memory together.
GROUP_BYTES = 64 << 20
# The sizes of activations are known after the first sample, which is computed in groups of so many.
_FIRST_GROUP = 8
# A time box ends calibration only after so many samples.
_LEAST_SAMPLES = 4


class NotFinite(ValueError):
    """An activation is NaN or infinite on a calibration sample."""


@dataclass(frozen=True)
class Calibration:
    """The histograms of all tensors that had a value, and the number of feeds they come from."""

    histograms: Mapping[str, Histogram]
    feeds: int
    # The bytes of each tensor in one inference, at most.
    sizes: Mapping[str, int]

    def choose(self, method: str, *, percentile: float = 99.999, is_symmetric: bool = False) -> dict[str, Range]:
        """Return the range of every finite tensor; ``method`` is ``minmax``, ``percentile`` or ``mse``."""
        found = {
            name: METHODS[method](histogram, percentile)
            for name, histogram in self.histograms.items()
            if histogram.is_finite
        }
        return {name: make_symmetric(limits) for name, limits in found.items()} if is_symmetric else found

    def check_finite(self) -> None:
        """Refuse what a recipe for all activations cannot quantize.

        Raises:
            NotFinite: An activation is NaN or infinite on a sample.
        """
        for name, histogram in self.histograms.items():
            if not histogram.is_finite:
                message = f'The activation "{name}" is not finite on a calibration sample.'
                raise NotFinite(message)


def collect(
    model: onnx.ModelProto,
    feeds: Iterable[Mapping[str, Array]],
    *,
    names: Collection[str] | None = None,
    threads: int = 2,
    seconds: float = float("inf"),
    group_bytes: int = GROUP_BYTES,
) -> Calibration:
    """Count the values of float tensors (all of them, or ``names``) over the feeds, for about ``seconds`` of processor time at most.

    Tensors that are empty on all samples are left out, and those of integers are never looked at.
    """
    known = float_tensors(model)
    wanted = known if names is None else sorted(set(names) & set(known))
    fed = {value.name for value in model.graph.input} & set(wanted)
    outputs = [name for name in wanted if name not in fed]
    histograms = {name: Histogram() for name in wanted}
    session = open_session(_with_outputs(model, outputs), threads=threads, level="basic", keeps_memory=False)
    groups = [outputs[start : start + _FIRST_GROUP] for start in range(0, len(outputs), _FIRST_GROUP)]
    sizes: dict[str, int] = {}
    ends_at, taken = time.process_time() + seconds, 0
    for feed in feeds:
        for name, values in itertools.chain(_activations(session, feed, groups), ((name, feed[name]) for name in fed)):
            histograms[name].add(values)
            sizes[name] = max(sizes.get(name, 0), values.nbytes)
        groups = _group(outputs, sizes, limit=group_bytes) if taken == 0 else groups
        taken += 1
        if taken >= _LEAST_SAMPLES and time.process_time() > ends_at:
            break
    return Calibration({name: found for name, found in histograms.items() if found.has_values}, taken, sizes)


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the names of all float32 tensors of the main graph whose type is known, weights left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    made = {name for node in model.graph.node for name in node.output if name}
    fed = {value.name for value in model.graph.input} - weights
    values = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    typed = {value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    return sorted(typed & (made | fed))


def _activations(
    session: ort.InferenceSession, feed: Mapping[str, Array], groups: Sequence[Sequence[str]]
) -> Iterator[tuple[str, Array]]:
    for group in groups:
        results = session.run(list(group), dict(feed))
        # From the end, so that each array is freed as soon as it was counted.
        for name in reversed(group):
            yield name, results.pop()


def _group(names: Iterable[str], sizes: Mapping[str, int], *, limit: int) -> list[list[str]]:
    """Put names in groups of at most ``limit`` bytes, each of one name at least."""
    groups: list[list[str]] = []
    taken = 0
    for name in names:
        if not groups or taken + sizes.get(name, 0) > limit:
            groups.append([])
            taken = 0
        groups[-1].append(name)
        taken += sizes.get(name, 0)
    return groups


def _with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> bytes:
    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    present = {value.name for value in model.graph.output} | {value.name for value in model.graph.input}
    augmented.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in present
    )
    data: bytes = augmented.SerializeToString()
    return data
