"""The results of an evaluation, as plain data for the parent process, the row and the manifest."""

from typing import Annotated, Final, Literal, TypedDict

import msgspec

# What the quality numbers were taken on.
JudgedOn = Literal["evaluation", "held_out", "random"]
# Whether a recipe promises the same numbers, or may round.
GateKind = Literal["exact", "quantized"]
SelfTestJudge = Literal["elementwise", "task"]
MAX_PREDICTIONS: Final = 10_000


class Metric(TypedDict):
    """The task's own metric, with the threshold of its gate."""

    name: str
    value: float
    wanted: float


class Predictions(TypedDict):
    """The classes that a model answered on its samples, in their order; the digest names the samples."""

    samples_sha256: str
    # Fewer than samples where the model is slow.
    classes: Annotated[list[int], msgspec.Meta(max_length=MAX_PREDICTIONS)]


class ClassAccuracy(TypedDict):
    """The accuracy on the samples of one class."""

    samples: int
    before: float
    after: float


class QualityNumbers(TypedDict, total=False):
    """How close the outputs of a variant are to those of its source; None or absent where there is nothing to compare."""

    # The share of decisions that are the same: classes, labels, pixels, characters, boxes, neighbors.
    agreement: float | None
    accuracy_before: float | None
    accuracy_after: float | None
    accuracy_per_class: dict[str, ClassAccuracy]
    sqnr_db: float | None
    max_abs_difference: float | None
    # False where the variant is NaN or infinite on a value that is finite in its source.
    is_finite: bool
    # Names or places of outputs that are not finite in the source itself, and were left out there.
    source_not_finite: list[str]
    # Inferences in which an output of the variant had another shape than that of its source.
    shape_mismatches: int
    metric: Metric | None
    # Inferences compared, and inferences that the samples would have given.
    parity_samples: int
    parity_samples_given: int
    parity_on: JudgedOn
    # Classification, several labels and sequences: agreement where the source is sure, and the number of such decisions.
    confident_agreement: float | None
    confident_decisions: int
    # Classification and several labels: the mean distance of the probabilities.
    mean_total_variation: float | None
    # Segmentation: the lowest value of one sample.
    worst_soft_iou: float | None
    # Sequences: edit distance of the decoded sequences ÷ their length.
    error_rate: float | None
    # Detection: boxes of the source and of the variant.
    boxes_before: int
    boxes_after: int
    # Embedding: mean and lowest cosine.
    cosine: float | None
    worst_cosine: float | None


class Latency(TypedDict):
    """Milliseconds of one inference on this machine, of the variant and of its source in turn."""

    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    inferences_per_second: float
    source_latency_p50_ms: float
    source_latency_p95_ms: float
    source_latency_p99_ms: float
    source_inferences_per_second: float
    latency_p50_ms_2_threads: float
    latency_p95_ms_2_threads: float
    latency_p99_ms_2_threads: float
    inferences_per_second_2_threads: float
    source_latency_p50_ms_2_threads: float
    source_latency_p95_ms_2_threads: float
    source_latency_p99_ms_2_threads: float
    source_inferences_per_second_2_threads: float
    # The median over all rounds of source ÷ variant on one thread. Both run in each round, so a busy host changes it little.
    speed_ratio: float
    # Whether this processor multiplies 8-bit integers four at a time (VNNI, or dot products of ARM).
    has_int8_dot_product: bool


class Measured(QualityNumbers, Latency):
    """Everything that the child measures of a variant."""

    peak_memory_bytes: int | None
    source_peak_memory_bytes: int | None
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
