"""Runs models in the child: ONNX Runtime on the CPU.

A model is given as bytes, or as the path of a file that the intake has found to keep all its data inside: from a path, ONNX Runtime
needs one copy of a large model less.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from registry.compression.arrays import Array
from registry.compression.tensor_specs import TensorSpec, find_batch

OPTIMIZATION_LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
# ONNX Runtime's own errors share no base class.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
_ERRORS_ONLY = 3
_FATAL_ONLY = 4
_RANDOM_SEED = 7


def open_session(
    model: bytes | Path,
    *,
    threads: int = 1,
    optimized_to: Path | None = None,
    level: str = "all",
    keeps_memory: bool = True,
    is_quiet: bool = False,
) -> ort.InferenceSession:
    """Load a model; with ``optimized_to`` also write what the graph optimizer of that level made of it.

    Without ``keeps_memory`` each array is freed with its last use, where large outputs count more than speed. A quiet session
    writes no errors to stderr: the caller tries inferences that are expected to fail.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY if is_quiet else _ERRORS_ONLY
    options.graph_optimization_level = OPTIMIZATION_LEVELS[level]
    options.enable_cpu_mem_arena = options.enable_mem_pattern = keeps_memory
    if optimized_to is not None:
        options.optimized_model_filepath = str(optimized_to)
    # Threads that spin take the second core from the rest of the host, and from the source that is measured in turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Where x86 has no VNNI, sums of two products overflow the 16 bits of AVX2, and an INT8 model decides differently. With this
    # entry ONNX Runtime computes the same there as everywhere else, only slower.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(
        str(model) if isinstance(model, Path) else model, options, providers=["CPUExecutionProvider"]
    )


def random_feed(
    inputs: Sequence[TensorSpec], *, sizes: Mapping[str, int], seed: int = _RANDOM_SEED
) -> dict[str, Array]:
    """Make one inference's inputs: standard normal floats, zeros elsewhere (an index of 0 is always in range).

    ``sizes`` has the size of each free extent, and may have the value of a whole-number scalar under the name of its input.
    """
    generator = np.random.default_rng(seed)
    batch = find_batch(inputs)
    feed: dict[str, Array] = {}
    for spec in inputs:
        axis = batch.axes[spec.name]
        known = {} if axis is None else {str(spec.shape[axis]): batch.size}
        shape = spec.resolve({**known, **sizes})
        if np.dtype(spec.dtype).kind == "f":
            feed[spec.name] = np.asarray(generator.standard_normal(shape), dtype=spec.dtype)
        else:
            feed[spec.name] = np.full(shape, sizes.get(spec.name, 0) if is_whole_scalar(spec) else 0, dtype=spec.dtype)
    return feed


def is_whole_scalar(spec: TensorSpec) -> bool:
    """Say whether an input is one whole number, such as a sampling rate."""
    return np.dtype(spec.dtype).kind in "iu" and all(extent == 1 for extent in spec.shape)
