"""The golden self-test of the manifest: inputs, and the outputs of the *variant* for them on the builder.

The device compares its own outputs, on its own provider, with ``numpy.allclose``. The tolerances allow for another
processor's rounding and still catch a wrong file, a wrong layout or a broken kernel.
"""

import base64
from collections.abc import Mapping, Sequence

import numpy as np

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.evaluation.results import EncodedTensor, Golden
from registry.compression.runtime import RUNTIME_ERRORS, open_session, random_feed
from registry.compression.tensor_specs import TensorSpec, find_batch

_SAMPLES = 4
_MAX_BYTES = 1 << 20
# Of the outputs' largest magnitude, and of each value. One step of 1/255 of the range per layer may fall the other way on
# a processor that sums in another order; FP32 differs by far less, TF32 units included.
_TOLERANCE = {"quantized": (0.05, 0.05), "exact": (0.005, 0.005)}


def make(
    variant: bytes, *, inputs: Sequence[TensorSpec], sizes: Mapping[str, int], samples: Samples | None, gate: str
) -> Golden:
    """Return the self-test without the latency budget, which is the target's."""
    session = open_session(variant)
    names = [output.name for output in session.get_outputs()]
    singles = _single_feeds(inputs, sizes=sizes, samples=samples)
    for feed in (_stack(singles, inputs=inputs), singles[0]):
        try:
            outputs = dict(zip(names, session.run(names, feed), strict=True))
        except RUNTIME_ERRORS:
            # A free first axis is not always free: some graphs were exported with a reshape to one sample.
            continue
        break
    absolute, relative = _TOLERANCE[gate]
    largest = max((_largest_magnitude(array) for array in outputs.values() if array.dtype.kind == "f"), default=0.0)
    return {
        "inputs": {name: encode(array) for name, array in feed.items()},
        "outputs": {name: encode(array) for name, array in outputs.items()},
        "absolute_tolerance": absolute * largest,
        "relative_tolerance": relative,
    }


def _largest_magnitude(array: Array) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))


def encode(array: Array) -> EncodedTensor:
    """Return an array as dtype, shape and base64 of its little-endian bytes in C order."""
    data = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).tobytes()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": base64.b64encode(data).decode("ascii")}


def _single_feeds(
    inputs: Sequence[TensorSpec], *, sizes: Mapping[str, int], samples: Samples | None
) -> list[dict[str, Array]]:
    if samples is None:
        return [random_feed(inputs, sizes=sizes, seed=seed) for seed in range(_SAMPLES)]
    return [samples.feed(index) for index in samples.held_out[:_SAMPLES]]


def _stack(feeds: Sequence[Mapping[str, Array]], *, inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Put as many feeds as fit into one inference: a manifest is fetched by every device."""
    batch = find_batch(inputs)
    if batch is None or not batch.is_free:
        return dict(feeds[0])
    size = sum(array.nbytes for array in feeds[0].values())
    kept = feeds[: max(1, min(_SAMPLES, _MAX_BYTES // max(1, size)))]
    return {name: np.concatenate([feed[name] for feed in kept]) for name in feeds[0]}
