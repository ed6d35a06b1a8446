"""The results of an evaluation, as plain data for the parent process, the row and the manifest."""

from typing import Literal, TypedDict


class ParityNumbers(TypedDict):
    """How close the outputs of a variant are to those of its source; None where there is nothing to compare."""

    agreement: float | None
    accuracy_before: float | None
    accuracy_after: float | None
    sqnr_db: float | None
    max_abs_difference: float | None
    is_finite: bool


class Comparison(ParityNumbers):
    """A variant beside its source, in one run."""

    parity_samples: int
    parity_on: Literal["random", "held_out"]
    latency_p50_ms: float
    latency_p95_ms: float
    source_latency_p50_ms: float
    source_latency_p95_ms: float
    latency_p50_ms_2_threads: float
    latency_p95_ms_2_threads: float
    source_latency_p50_ms_2_threads: float
    source_latency_p95_ms_2_threads: float
    peak_memory_bytes: int | None
    source_peak_memory_bytes: int | None


class Measured(Comparison):
    """Everything that the child measures of a variant."""

    size: int
    # How long the recipe and the measuring took.
    seconds: float


class Measurements(Measured):
    """The measurements that a row and a manifest carry."""

    source_size: int
    size_ratio: float
    # Whether the builder has the processor architecture of the target, so that its latencies mean something there.
    is_target_architecture: bool


class EncodedTensor(TypedDict):
    """An array as dtype, shape and base64 of its little-endian bytes in C order."""

    dtype: str
    shape: list[int]
    data: str


class Golden(TypedDict):
    """Inputs, the outputs of the variant for them, and how far a device may be off."""

    inputs: dict[str, EncodedTensor]
    outputs: dict[str, EncodedTensor]
    absolute_tolerance: float
    relative_tolerance: float


class SelfTest(Golden):
    """The self-test that the manifest carries (docs/wire-format.md, *Manifest*)."""

    latency_budget_ms: float
