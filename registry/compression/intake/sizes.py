"""Sizes for free extents that neither samples nor a person gave: small ones that real models accept.

The sizes are guesses by the kind of input: images, token ids, and signals such as audio. The first combination with which one
inference succeeds is taken.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx

from registry.compression.intake import walking
from registry.compression.intake.rules import read_short_constants
from registry.compression.runtime import is_whole_scalar
from registry.compression.tensor_specs import TensorSpec, free_extents

_IMAGE = (224, 256, 320, 128, 416, 512, 640, 96, 64, 32, 28, 299, 384, 480, 16, 8, 1)
_TOKENS = (32, 16, 8, 64, 128, 256, 512, 4, 2, 1)
# Audio frames of 16 and 8 kHz, with and without what the frame before left over.
_SIGNAL = (576, 512, 288, 256, 1024, 160, 320, 400, 480, 128, 64, 32, 16, 8, 1536, 2048, 4096, 8000, 16000, 4, 3, 2, 1)
_STEPS = (32, 16, 64, 100, 128, 8, 256, 4, 2, 1, 512, 1024)
_CHANNELS = (3, 1, 4, 2, 8, 16, 32, 64)
_IMAGE_CHANNELS = frozenset({1, 3, 4})
_MAX_COMBINATIONS = 400
_COMPARING = frozenset({"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"})
_PASSING = frozenset({"Cast", "Gather", "Identity", "Reshape", "Squeeze", "Unsqueeze"})


def search(inputs: Sequence[TensorSpec], *, scalars: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    """Yield combinations of sizes, the likeliest first; ``scalars`` has likely values of whole-number scalar inputs."""
    lists = {name: _list_sizes(name, inputs) for name in free_extents(inputs)}
    yield from _combine({**lists, **scalars})
    # Not every first axis is that of the samples: a waveform has its length there.
    firsts = {str(spec.shape[0]): _STEPS for spec in inputs if spec.shape and isinstance(spec.shape[0], str)}
    if firsts:
        waves = {
            str(spec.shape[0]): _SIGNAL for spec in inputs if len(spec.shape) == 1 and isinstance(spec.shape[0], str)
        }
        yield from _combine({**lists, **firsts, **waves, **scalars})


def find_scalars(model: onnx.ModelProto, inputs: Sequence[TensorSpec]) -> dict[str, list[int]]:
    """Return likely values of whole-number scalar inputs: those that the model compares the input with, then 0 and 1."""
    constants = read_short_constants(model)
    aliases = {spec.name: spec.name for spec in inputs if is_whole_scalar(spec)}
    found: dict[str, list[int]] = {name: [] for name in aliases}
    for node in walking.iterate_nodes(model):
        scalar = next((aliases[name] for name in node.input if name in aliases), None)
        if scalar is not None and node.op_type in _PASSING:
            aliases.update(dict.fromkeys(node.output, scalar))
        elif scalar is not None and node.op_type in _COMPARING:
            found[scalar] += [int(value) for name in node.input for value in constants.get(name, ())]
    return {name: list(dict.fromkeys([*values, 0, 1])) for name, values in found.items()}


def _combine(lists: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    """Yield the k-th of every list together, then all combinations."""
    if not lists:
        yield {}
        return
    for index in range(max(len(values) for values in lists.values())):
        yield {name: values[min(index, len(values) - 1)] for name, values in lists.items()}
    for sizes in itertools.islice(itertools.product(*lists.values()), _MAX_COMBINATIONS):
        yield dict(zip(lists, sizes, strict=True))


def _list_sizes(name: str, inputs: Sequence[TensorSpec]) -> tuple[int, ...]:
    spec = next(spec for spec in inputs if name in spec.shape)
    axis = spec.shape.index(name)
    if len(spec.shape) == 4:
        return _list_image_sizes(spec, axis)
    if np.dtype(spec.dtype).kind != "f":
        return _TOKENS
    return _SIGNAL if axis == len(spec.shape) - 1 else _STEPS


def _list_image_sizes(spec: TensorSpec, axis: int) -> tuple[int, ...]:
    """Return sizes for one axis of a picture, channels first or last; a reader of text is wider than high."""
    is_last = spec.shape[3] in _IMAGE_CHANNELS and spec.shape[1] not in _IMAGE_CHANNELS
    channel, spatial = (3, (1, 2)) if is_last else (1, (2, 3))
    if axis == channel:
        return _CHANNELS
    other = spec.shape[spatial[1] if axis == spatial[0] else spatial[0]]
    if isinstance(other, int):
        return (2 * other, other, 4 * other, *_IMAGE)
    return _IMAGE
