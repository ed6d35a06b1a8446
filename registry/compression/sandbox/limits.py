"""The limits of one child process, and of one model."""

from dataclasses import dataclass, replace
from typing import Final

from registry.compression.refusal import ModelRefused

GIBIBYTE = 1 << 30
MEBIBYTE = 1 << 20

# Address space of a build: the runtime and its tools, and so many times the model (its bytes, the parsed graph, the checker's and the
# optimizer's copies, two sessions). Measured on models of 128 to 640 MB: 5.2 times in the intake, 7.5 times in a recipe.
_TOOLS_BYTES: Final = 384 * MEBIBYTE
_COPIES: Final = 8
# Models of the usual size may use this much, for inputs and results between their nodes.
_USUAL_BYTES: Final = 4 * GIBIBYTE
# Steps of the intake that read the whole model: the checks, the smoke inference, and the comparison of the copy with the upload.
_STEPS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a sandboxed task; crossing one ends the task with a named error."""

    # The settings choose these (SANDBOX_MEMORY_BYTES, SANDBOX_SECONDS). Memory is what the builder gives at most.
    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    file_bytes: int = 2 * GIBIBYTE
    open_files: int = 256
    threads: int = 2

    model_bytes: int = GIBIBYTE
    nodes: int = 50_000
    initializers: int = 100_000
    subgraph_depth: int = 16
    loop_trips: int = 100_000
    tensor_bytes: int = GIBIBYTE
    input_bytes: int = 256 * MEBIBYTE

    calibration_bytes: int = 2 * GIBIBYTE
    calibration_samples: int = 100_000

    # The intake has two steps, checks and one smoke inference. Each may take this long, and longer for a large model; the
    # calibration file has a time of its own. A model that needs longer for one inference here is too slow for an edge device.
    intake_cpu_seconds: int = 3
    intake_megabytes_per_cpu_second: int = 50
    calibration_cpu_seconds: int = 60


def limits_for(size_bytes: int, *, limits: Limits) -> Limits:
    """Return the limits for a model of this size: memory follows the size, up to what the builder gives.

    Raises:
        ModelRefused: The model needs more memory than this builder gives.
    """
    needed = _TOOLS_BYTES + _COPIES * size_bytes
    if needed > limits.memory_bytes:
        message = (
            f"A model of {size_bytes / MEBIBYTE:.0f} MiB needs {needed // MEBIBYTE} MiB of memory; "
            f"this builder gives {limits.memory_bytes // MEBIBYTE} MiB (SANDBOX_MEMORY_BYTES)."
        )
        raise ModelRefused(message, reason="too_large_for_the_builder")
    return replace(limits, memory_bytes=min(limits.memory_bytes, max(needed, _USUAL_BYTES)))


def limits_for_intake(size_bytes: int, *, limits: Limits) -> Limits:
    """Return the limits for the intake of a model of this size that comes without samples: all steps together are short.

    Raises:
        ModelRefused: As for ``limits_for``.
    """
    by_size = _STEPS * size_bytes / MEBIBYTE / limits.intake_megabytes_per_cpu_second
    seconds = int(limits.intake_cpu_seconds + 1 + by_size)
    return replace(limits_for(size_bytes, limits=limits), cpu_seconds=min(limits.cpu_seconds, seconds))


def allowed_cpu_seconds(size_bytes: int, *, limits: Limits) -> int:
    """Return what one step of the intake may take on a model of this size."""
    return int(limits.intake_cpu_seconds + size_bytes / MEBIBYTE / limits.intake_megabytes_per_cpu_second)
