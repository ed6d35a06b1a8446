"""Compares the outputs of a variant with those of its source: the noise of every output, and the task's own metric.

    comparison = new_comparison(task)
    for feed in feeds:
        comparison.add(source.run(names, feed), variant.run(names, feed))
    numbers = comparison.summarize()

Pure functions of arrays. ``evaluation.gates`` judges the numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from registry.compression.arrays import Array
from registry.compression.evaluation import noise
from registry.compression.evaluation.noise import Noise
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.evaluation.tasks.classification import ClassificationComparison
from registry.compression.evaluation.tasks.detection import DetectionComparison
from registry.compression.evaluation.tasks.embedding import EmbeddingComparison
from registry.compression.evaluation.tasks.multilabel import MultilabelComparison
from registry.compression.evaluation.tasks.other import OtherComparison
from registry.compression.evaluation.tasks.regression import RegressionComparison
from registry.compression.evaluation.tasks.segmentation import SegmentationComparison
from registry.compression.evaluation.tasks.sequence import SequenceComparison
from registry.compression.model_task import ModelTask, TaskKind


class TaskComparison(Protocol):
    """The comparison of one kind of task; all arrays are finite, floats are float64."""

    def add(self, source: Sequence[Array], variant: Sequence[Array], labels: Array | None, /) -> None:
        """Compare the outputs of one inference."""

    def summarize(self) -> QualityNumbers:
        """Return the numbers of the task; the metric is None where it could not be taken."""


@dataclass
class Comparison:
    """Running comparison over many inferences."""

    _of_task: TaskComparison
    # For sentences about single outputs.
    names: Sequence[str] = ()
    _noise: Noise = field(default_factory=Noise)
    _count: int = 0
    _mismatches: int = 0
    _has_free_count: bool = False

    def add(self, source: Sequence[Array], variant: Sequence[Array], labels: Array | None = None) -> None:
        """Compare the outputs of one inference, in the same order on both sides."""
        self._count += 1
        pairs = list(zip(source, variant, strict=True))
        is_alike = all(want.shape == got.shape for want, got in pairs)
        self._mismatches += not is_alike
        for index, (want, got) in enumerate(pairs):
            if want.dtype.kind == "f" and want.shape == got.shape:
                self._noise.add(index, want, got)
        # Ready boxes may be more or fewer; anything else of another shape cannot be compared.
        if is_alike or self._has_free_count:
            before, after = zip(*(_prepare(want, got) for want, got in pairs), strict=True)
            self._of_task.add(before, after, labels)

    def summarize(self) -> QualityNumbers:
        """Return all numbers."""
        return {
            "accuracy_before": None,
            "accuracy_after": None,
            **self._of_task.summarize(),
            **self._noise.summarize(self.names),
            "parity_samples": self._count,
            "shape_mismatches": self._mismatches,
        }


def new_comparison(
    task: ModelTask, *, names: Sequence[str] = (), image_size: tuple[int, int] | None = None
) -> Comparison:
    """Return a comparison for the task; ``image_size`` (height, width) places the boxes of a detector on their grid."""
    if task.kind == TaskKind.DETECTION:
        of_task: TaskComparison = DetectionComparison(task, image_size)
    else:
        of_task = _COMPARISONS[task.kind](task)
    return Comparison(of_task, names, _has_free_count=task.layout == "nms")


def _prepare(want: Array, got: Array) -> tuple[Array, Array]:
    if want.dtype.kind != "f":
        return want, got
    if want.shape != got.shape:
        return noise.without_infinities(want, want)[0], noise.without_infinities(got, got)[0]
    return noise.without_infinities(want, got)


_COMPARISONS: Mapping[TaskKind, Callable[[ModelTask], TaskComparison]] = MappingProxyType(
    {
        TaskKind.CLASSIFICATION: ClassificationComparison,
        TaskKind.MULTILABEL: MultilabelComparison,
        TaskKind.SEGMENTATION: SegmentationComparison,
        TaskKind.SEQUENCE: SequenceComparison,
        TaskKind.EMBEDDING: EmbeddingComparison,
        TaskKind.REGRESSION: RegressionComparison,
        TaskKind.OTHER: OtherComparison,
    }
)
