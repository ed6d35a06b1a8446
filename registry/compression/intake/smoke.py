"""The smoke inference: one run on one sample shows that ONNX Runtime accepts the model, and that an inference ends."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.intake import sizes as free_sizes
from registry.compression.intake import tool_messages
from registry.compression.refusal import ModelRefused
from registry.compression.runtime import RUNTIME_ERRORS, is_whole_scalar, open_session, random_feed
from registry.compression.sandbox.confinement.resources import limit_cpu_from_now
from registry.compression.sandbox.limits import Limits, allowed_cpu_seconds
from registry.compression.sandbox.protocol import MEMORY_SIGNS
from registry.compression.tensor_specs import TensorSpec, find_batch, free_extents

# Half of what the intake may take: the other half is for the inference that succeeds.
_SEARCH_RATIO = 0.5

Feed = dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """The first inference that succeeded."""

    sizes: dict[str, int]
    feed: Feed
    results: list[Array]
    seconds: float
    outputs: list[TensorSpec]


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What is known of free extents: samples, the shapes that a person gave, and likely values of scalar inputs."""

    samples: Samples | None
    shapes: Mapping[str, Sequence[int]]
    scalars: Mapping[str, Sequence[int]]


def run(
    model: Path, *, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], hints: Hints, limits: Limits
) -> Smoke:
    """Run until one inference succeeds; the outputs come back with every rank and free extent as observed.

    Raises:
        ModelRefused: The runtime does not load the model, or no inference succeeds.
    """
    allowed = allowed_cpu_seconds(model.stat().st_size, limits=limits)
    limit_cpu_from_now(allowed)
    names = [spec.name for spec in outputs]
    try:
        session = open_session(model, is_quiet=True)
    except RUNTIME_ERRORS as error:
        raise _refusal("ONNX Runtime does not load the model", error, reason="smoke_load") from error
    ends_at = time.process_time() + allowed * _SEARCH_RATIO
    found: Smoke | None = None
    trouble: Exception | None = None
    for sizes, feed in _feeds(inputs, hints=hints, limits=limits):
        started = time.process_time()
        try:
            results = session.run(names, feed)
        except RUNTIME_ERRORS as error:
            # An error of our own refusal's family ends the search, any other tells that these sizes do not fit.
            trouble = _raise_memory(error)
        else:
            seconds = time.process_time() - started
            found = found or Smoke(sizes=sizes, feed=feed, results=results, seconds=seconds, outputs=list(outputs))
            if all(np.asarray(result).size for result in results):
                found = Smoke(sizes=sizes, feed=feed, results=results, seconds=seconds, outputs=list(outputs))
                break
        if time.process_time() > ends_at:
            break
    if found is None:
        raise _explain(inputs, hints=hints, error=trouble)
    return _observe_outputs(session, found, inputs=inputs)


def _feeds(inputs: Sequence[TensorSpec], *, hints: Hints, limits: Limits) -> Iterator[tuple[dict[str, int], Feed]]:
    scalars = hints.scalars
    if hints.samples is not None:
        feed = hints.samples.feed(hints.samples.held_out[0])
        yield _observe_sizes(inputs, feed), feed
        return
    given = _read_shapes(inputs, shapes=hints.shapes)
    for sizes in free_sizes.search(inputs, scalars=scalars):
        chosen = {**sizes, **given}
        if _count_bytes(inputs, sizes=chosen) <= limits.input_bytes:
            yield chosen, random_feed(inputs, sizes=chosen)


def _read_shapes(inputs: Sequence[TensorSpec], *, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Return the sizes that the given shapes say.

    Raises:
        ModelRefused: A shape of no input, of another rank, or against a fixed extent.
    """
    specs, sizes = {spec.name: spec for spec in inputs}, dict[str, int]()
    for name, shape in shapes.items():
        spec = specs.get(name)
        if spec is None:
            message = f'metadata.shapes names "{name}", which is no input; the inputs are {", ".join(sorted(specs))}.'
            raise ModelRefused(message, reason="shapes")
        pairs = zip(spec.shape, shape, strict=False)
        fits = len(spec.shape) == len(shape) and all(
            got >= 1 and (want == got or (isinstance(want, str) and sizes.setdefault(want, got) == got))
            for want, got in pairs
        )
        if not fits:
            wanted = ", ".join(str(extent) for extent in spec.shape)
            message = f'metadata.shapes gives "{name}" the shape {list(shape)}; the model wants [{wanted}].'
            raise ModelRefused(message, reason="shapes")
    return sizes


def _observe_sizes(inputs: Sequence[TensorSpec], feed: Mapping[str, Array]) -> dict[str, int]:
    free = set(free_extents(inputs))
    pairs = (pair for spec in inputs for pair in zip(spec.shape, feed[spec.name].shape, strict=True))
    sizes = {extent: size for extent, size in pairs if isinstance(extent, str) and extent in free}
    scalars = {spec.name: int(feed[spec.name].reshape(-1)[0]) for spec in inputs if is_whole_scalar(spec)}
    return {**sizes, **scalars}


def _observe_outputs(session: ort.InferenceSession, found: Smoke, *, inputs: Sequence[TensorSpec]) -> Smoke:
    """Correct the declared outputs: by the ranks of the results, and by a second inference on twice the samples."""
    doubled = _run_doubled(session, found, inputs=inputs)
    pairs = zip(found.outputs, found.results, doubled, strict=True)
    outputs = [_complete(spec, once.shape, twice.shape, inputs=inputs) for spec, once, twice in pairs]
    return Smoke(sizes=found.sizes, feed=found.feed, results=found.results, seconds=found.seconds, outputs=outputs)


def _run_doubled(session: ort.InferenceSession, found: Smoke, *, inputs: Sequence[TensorSpec]) -> list[Array]:
    if not find_batch(inputs).is_free:
        return found.results
    feed = {name: np.concatenate([array, array]) for name, array in found.feed.items()}
    try:
        return session.run([spec.name for spec in found.outputs], feed)  # type: ignore[no-any-return]
    except RUNTIME_ERRORS:
        # A free first axis is not always free: some graphs were exported with a reshape to one sample.
        return found.results


def _complete(
    spec: TensorSpec, once: tuple[int, ...], twice: tuple[int, ...], *, inputs: Sequence[TensorSpec]
) -> TensorSpec:
    declared = spec.shape if len(spec.shape) == len(once) else tuple(f"{spec.name}_{axis}" for axis in range(len(once)))
    batch = str(inputs[0].shape[0]) if inputs[0].shape else ""
    shape: list[int | str] = []
    for axis, (want, size) in enumerate(zip(declared, once, strict=True)):
        grown = twice[axis] if len(twice) == len(once) else size
        if isinstance(want, str):
            shape.append(want)
        elif grown != size:
            shape.append(batch if grown == 2 * size and size == 1 else f"{spec.name}_{axis}")
        else:
            shape.append(want if want == size else f"{spec.name}_{axis}")
    return TensorSpec(spec.name, spec.dtype, tuple(shape))


def _count_bytes(inputs: Sequence[TensorSpec], *, sizes: Mapping[str, int]) -> int:
    return max(int(np.prod(spec.resolve(sizes), dtype=float)) * np.dtype(spec.dtype).itemsize for spec in inputs)


def _explain(inputs: Sequence[TensorSpec], *, hints: Hints, error: Exception | None) -> ModelRefused:
    free = free_extents(inputs)
    unknown = next((spec for spec in inputs if set(spec.shape) & set(free) and spec.name not in hints.shapes), None)
    if hints.samples is not None or unknown is None:
        return _refusal("One inference on the model fails", error, reason="smoke_inference")
    shown = ", ".join(str(extent) for extent in unknown.shape)
    example = ", ".join(str(extent) if isinstance(extent, int) else "1" for extent in unknown.shape)
    sentence = (
        f'The input "{unknown.name}" has the shape [{shown}], and no inference succeeded with any size that was tried for its '
        f'free extents. Give its shape in the metadata, {{"shapes": {{"{unknown.name}": [{example}]}}}} with your sizes, or '
        "calibration samples. ONNX Runtime says"
    )
    return _refusal(sentence, error, reason="input_shape_unknown")


def _raise_memory(error: Exception) -> Exception:
    # The outermost loop of the child names this: a limit was crossed, and no rule was broken.
    if any(sign in str(error) for sign in MEMORY_SIGNS):
        raise MemoryError
    return error


def _refusal(sentence: str, error: Exception | None, *, reason: str) -> ModelRefused:
    if error is not None:
        _raise_memory(error)
    return ModelRefused(f"{sentence}: {tool_messages.tidy(str(error))}", reason=reason)
