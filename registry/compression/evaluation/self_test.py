"""The golden self-test of the manifest: inputs, and the outputs of the *variant* for them on the builder.

The device compares its own outputs, on its own provider, with ``numpy.allclose``, or by what the task means. The tolerances
allow for another processor's rounding and still catch a wrong file, a wrong layout or a broken kernel.

A manifest is fetched by every device, so all golden tensors together have at most 1 MiB: fewer samples first, then smaller
free extents. Where every extent is fixed and one sample is larger, that one sample is taken.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.evaluation.feeds import JudgingFeeds
from registry.compression.evaluation.findings import GOLDEN_BYTES
from registry.compression.evaluation.results import EncodedTensor, GateKind, Golden, SelfTestJudge
from registry.compression.model_task import ModelTask, TaskKind
from registry.compression.runtime import RUNTIME_ERRORS, random_feed
from registry.compression.tensor_specs import TensorSpec, find_batch

_SAMPLES = 4
# Of the outputs' largest magnitude, and of each value. One step of 1/255 of the range per layer may fall the other way on
# a processor that sums in another order; FP32 differs by far less, TF32 units included.
_TOLERANCE: Mapping[GateKind, tuple[float, float]] = {"quantized": (0.05, 0.05), "exact": (0.005, 0.005)}

Tensors = dict[str, Array]


@dataclass(frozen=True)
class _Run:
    """One inference that may become the self-test."""

    inputs: Tensors
    outputs: Tensors
    # Whether the outputs have the shapes that the manifest declares.
    fits: bool

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in (*self.inputs.values(), *self.outputs.values()))

    @property
    def says_something(self) -> bool:
        """Whether there are values to compare, and all of them are numbers."""
        arrays = self.outputs.values()
        return any(array.size for array in arrays) and not any(
            array.dtype.kind == "f" and np.isnan(array).any() for array in arrays
        )


def make(
    session: ort.InferenceSession, *, feeds: JudgingFeeds, outputs: Sequence[TensorSpec], gate: GateKind
) -> Golden:
    """Return the self-test without the latency budget, which is the target's.

    ``outputs`` are those that the manifest declares: an inference that fits them goes before one that contradicts them.
    """
    chosen = _choose(list(_runs(session, feeds=feeds, outputs=outputs)))
    absolute, relative = _TOLERANCE[gate]
    floats = [array for array in chosen.outputs.values() if array.dtype.kind == "f"]
    largest = max((_largest_magnitude(array) for array in floats), default=0.0)
    return {
        "inputs": {name: encode(array) for name, array in chosen.inputs.items()},
        "outputs": {name: encode(array) for name, array in chosen.outputs.items()},
        "absolute_tolerance": absolute * largest,
        "relative_tolerance": relative,
    }


def choose_judge(task: ModelTask, *, gate: GateKind) -> SelfTestJudge:
    """Return how a device compares: element by element, which every agent can, or by the task.

    Ready boxes come in the order of their scores, so one rounding moves whole rows: elementwise closeness says nothing there.
    """
    is_reordered = task.kind == TaskKind.DETECTION and task.layout == "nms"
    return "task" if is_reordered and gate == "quantized" else "elementwise"


def encode(array: Array) -> EncodedTensor:
    """Return an array as dtype, shape and base64 of its little-endian bytes in C order."""
    data = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).tobytes()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": base64.b64encode(data).decode("ascii")}


def _choose(runs: Sequence[_Run]) -> _Run:
    """Return the first that is good in every way, else the smallest of the best there are."""
    fitting = [run for run in runs if run.fits] or runs
    good = [run for run in fitting if run.says_something] or fitting
    small = [run for run in good if run.size_bytes <= GOLDEN_BYTES]
    return small[0] if small else min(good, key=lambda run: run.size_bytes)


def _runs(session: ort.InferenceSession, *, feeds: JudgingFeeds, outputs: Sequence[TensorSpec]) -> Iterator[_Run]:
    """Yield inferences from the one with most samples to that with the smallest extents, until one is good."""
    names = [output.name for output in session.get_outputs()]
    for feed in _candidates(feeds):
        try:
            found = dict(zip(names, session.run(names, feed), strict=True))
        except RUNTIME_ERRORS:
            # A free axis is not always free: some graphs were exported with a reshape to one sample.
            continue
        run = _Run(feed, found, fits=_fits(found, outputs=outputs))
        yield run
        if run.fits and run.says_something and run.size_bytes <= GOLDEN_BYTES:
            return


def _candidates(feeds: JudgingFeeds) -> Iterator[Tensors]:
    singles = [feeds.feed(place) for place in feeds.places[:_SAMPLES]]
    batch = find_batch(feeds.inputs)
    if batch is not None and batch.is_free:
        for count in range(len(singles), 1, -1):
            if sum(array.nbytes for array in singles[0].values()) * count <= GOLDEN_BYTES:
                yield {name: np.concatenate([feed[name] for feed in singles[:count]]) for name in singles[0]}
    yield from singles
    sizes = dict(feeds.sizes)
    while any(size > 1 for size in sizes.values()):
        sizes = {name: max(1, size // 2) for name, size in sizes.items()}
        yield random_feed(feeds.inputs, sizes=sizes)


def _fits(found: Mapping[str, Array], *, outputs: Sequence[TensorSpec]) -> bool:
    return all(
        len(spec.shape) == found[spec.name].ndim
        and all(
            isinstance(want, str) or want == got for want, got in zip(spec.shape, found[spec.name].shape, strict=True)
        )
        for spec in outputs
    )


def _largest_magnitude(array: Array) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
