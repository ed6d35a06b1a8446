"""What one child process may use and what one model may be made of."""

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

    # The door as a whole, calibration file included; and of it one run on one sample: a model that needs longer on the
    # builder has no place on an edge device. Loading takes time by the megabyte, which comes on top.
    inspect_cpu_seconds: int = 60
    smoke_cpu_seconds: int = 3
    smoke_megabytes_per_cpu_second: int = 50

    def to_json(self) -> dict[str, float]:
        """Return the limits as the child reads them."""
        return asdict(self)


DEFAULT_LIMITS = Limits()
