"""The smoke inference: one run on one sample shows that ONNX Runtime accepts the model, and that an inference ends."""

from collections.abc import Iterator, Mapping, Sequence

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.intake import tool_messages
from registry.compression.refusal import ModelRefused
from registry.compression.runtime import RUNTIME_ERRORS, open_session, random_feed
from registry.compression.sandbox.confinement.resources import limit_cpu_from_now
from registry.compression.sandbox.limits import Limits, allowed_cpu_seconds
from registry.compression.sandbox.protocol import MEMORY_SIGNS
from registry.compression.tensor_specs import TensorSpec, free_extents

# Tried in this order for free extents that no sample shows: images need more than 1, sequences take any size.
_FREE_SIZES = (1, 32, 224)


def run(
    model: bytes,
    *,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    samples: Samples | None,
    limits: Limits,
) -> tuple[dict[str, int], list[TensorSpec]]:
    """Run once; return the sizes of free extents that worked, and the outputs with every shape known.

    Raises:
        ModelRefused: The runtime does not load it, or no inference succeeds.
    """
    limit_cpu_from_now(allowed_cpu_seconds(len(model), limits=limits))
    try:
        session = open_session(model)
    except RUNTIME_ERRORS as error:
        raise _refusal("ONNX Runtime does not load the model", error, reason="smoke_load") from error
    trouble: Exception | None = None
    for sizes, feed in _feeds(inputs, samples=samples):
        try:
            results = session.run([spec.name for spec in outputs], feed)
        except RUNTIME_ERRORS as error:
            trouble = error
            continue
        return sizes, [_complete(spec, result) for spec, result in zip(outputs, results, strict=True)]
    raise _refusal("One inference on the model fails", trouble, reason="smoke_inference") from trouble


def _feeds(
    inputs: Sequence[TensorSpec], *, samples: Samples | None
) -> Iterator[tuple[dict[str, int], dict[str, Array]]]:
    if samples is not None:
        feed = samples.feed(samples.held_out[0])
        yield _observe(inputs, feed), feed
        return
    free = free_extents(inputs)
    for size in _FREE_SIZES[: len(_FREE_SIZES) if free else 1]:
        sizes = dict.fromkeys(free, size)
        yield sizes, random_feed(inputs, sizes=sizes)


def _observe(inputs: Sequence[TensorSpec], feed: Mapping[str, Array]) -> dict[str, int]:
    pairs = (
        (extent, size)
        for spec in inputs
        for extent, size in zip(spec.shape[1:], feed[spec.name].shape[1:], strict=True)
    )
    return {extent: size for extent, size in pairs if isinstance(extent, str)}


def _complete(spec: TensorSpec, result: Array) -> TensorSpec:
    """Give an output of undeclared rank the rank of the result."""
    if len(spec.shape) == result.ndim:
        return spec
    return TensorSpec(spec.name, spec.dtype, tuple(f"{spec.name}_{axis}" for axis in range(result.ndim)))


def _refusal(sentence: str, error: Exception | None, *, reason: str) -> ModelRefused:
    # The outermost loop of the child names this: a limit was crossed, and no rule was broken.
    if any(sign in str(error) for sign in MEMORY_SIGNS):
        raise MemoryError
    return ModelRefused(f"{sentence}: {tool_messages.tidy(str(error))}", reason=reason)
