"""What one child process may use and what one model may be made of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

GIBIBYTE = 1 << 30
MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a sandboxed task; crossing one ends the task with a named error."""

    memory_bytes: int = 4 * GIBIBYTE
    cpu_seconds: int = 600
    wall_seconds: float = 900.0
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

    # Of the door: checking, and one smoke inference, each so long and longer by the megabyte; between them the calibration
    # file. A model whose one inference needs longer than this on the builder has no place on an edge device.
    door_cpu_seconds: int = 3
    door_megabytes_per_cpu_second: int = 50
    calibration_cpu_seconds: int = 60

    def to_json(self) -> dict[str, float]:
        """Return the limits as the child reads them."""
        return asdict(self)


DEFAULT_LIMITS = Limits()


def allowed_cpu_seconds(size_bytes: int, *, limits: Mapping[str, float]) -> int:
    """Return what one step of the door may take on a model of this size."""
    return int(limits["door_cpu_seconds"] + size_bytes / MEBIBYTE / limits["door_megabytes_per_cpu_second"])
