"""The limits of one child process, and of one model."""

from dataclasses import dataclass

GIBIBYTE = 1 << 30
MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a sandboxed task; crossing one ends the task with a named error."""

    # The settings choose these (SANDBOX_MEMORY_BYTES, SANDBOX_SECONDS).
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


def allowed_cpu_seconds(size_bytes: int, *, limits: Limits) -> int:
    """Return what one step of the intake may take on a model of this size."""
    return int(limits.intake_cpu_seconds + size_bytes / MEBIBYTE / limits.intake_megabytes_per_cpu_second)
