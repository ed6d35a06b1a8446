"""Learns on samples what each weight is multiplied by: the sum of x·xᵀ over rows x of its input."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import onnx

from registry.compression.calibration.samples import Samples
from registry.compression.recipes.weights import matrices, patches
from registry.compression.recipes.weights.rounding import Floats
from registry.compression.recipes.weights.uses import Weight
from registry.compression.runtime import open_session

_FEEDS = 16
_ROWS = 256
# A matrix of more columns is learned in parts: time grows with the third power of the columns, memory with the second.
_MAX_COLUMNS = 1536
_BATCH_BYTES = 256 << 20
_SEED = 20240229


def batches(weights: Sequence[Weight]) -> Iterator[list[Weight]]:
    """Yield neighbors together, as many as fit into the memory for one call of ``learn``."""
    batch: list[Weight] = []
    taken = 0
    for weight in weights:
        groups = matrices.shape_of(weight)[0]
        size = 4 * groups * sum((part.stop - part.start) ** 2 for part in parts(weight))
        if batch and taken + size > _BATCH_BYTES:
            yield batch
            batch, taken = [], 0
        batch.append(weight)
        taken += size
    if batch:
        yield batch


def parts(weight: Weight) -> list[slice]:
    """Cut the columns of a weight into equal parts of at most ``_MAX_COLUMNS``."""
    columns = matrices.shape_of(weight)[2]
    count = math.ceil(columns / _MAX_COLUMNS)
    return [
        slice(start, end) for start, end in itertools.pairwise(columns * index // count for index in range(count + 1))
    ]


def learn(
    model: onnx.ModelProto, weights: Sequence[Weight], *, samples: Samples, threads: int
) -> dict[str, list[Floats]]:
    """Return, for each weight by its name, one array (groups, columns, columns) for each of its parts."""
    grams: dict[str, list[Floats]] = {
        weight.name: [
            np.zeros((matrices.shape_of(weight)[0], part.stop - part.start, part.stop - part.start), np.float32)
            for part in parts(weight)
        ]
        for weight in weights
    }
    fed = {value.name for value in model.graph.input}
    wanted = sorted({patches.tensor_of(weight) for weight in weights} - fed)
    session = open_session(_with_outputs(model, wanted), threads=threads, level="basic")
    for number, index in enumerate(_choose_feeds(samples.for_ranges)):
        feed = samples.feed(index)
        seen = {**feed, **dict(zip(wanted, session.run(wanted, feed), strict=True))} if wanted else feed
        for place, weight in enumerate(weights):
            generator = np.random.default_rng((_SEED, number, place))
            rows = patches.pick_rows(weight, seen[patches.tensor_of(weight)], count=_ROWS, generator=generator)
            for part, gram in zip(parts(weight), grams[weight.name], strict=True):
                columns = rows[:, :, part]
                np.add(gram, columns.transpose(0, 2, 1) @ columns, out=gram)
    return grams


def _choose_feeds(indices: Sequence[int]) -> list[int]:
    """Return at most ``_FEEDS`` of the feeds, spread over all."""
    places = np.linspace(0, len(indices) - 1, min(_FEEDS, len(indices))).round().astype(int)
    return [indices[place] for place in places]


def _with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> bytes:
    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    present = {value.name for value in model.graph.output}
    augmented.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in present
    )
    data: bytes = augmented.SerializeToString()
    return data
