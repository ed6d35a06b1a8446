"""The gates that a built file passes to be READY: pure functions of the numbers. Each missed gate is a sentence.

``judge`` looks at quality alone: a recipe that searches for the best of several files asks it too. ``judge_variant`` adds
size, speed and operators. ``exact`` recipes must give the same numbers; ``quantized`` ones may round, within limits that
trained models keep. A model with random weights does not keep them, and is rejected here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates import (
    accuracy,
    classification,
    detection,
    embedding,
    file,
    multilabel,
    noise,
    regression,
    segmentation,
    sequence,
)
from registry.compression.evaluation.gates.file import Conditions
from registry.compression.evaluation.results import GateKind, Measurements, QualityNumbers
from registry.compression.model_task import ModelTask, TaskKind

_Gate = Callable[[QualityNumbers, VariantLimits], list[str]]

_BY_TASK: Mapping[TaskKind, _Gate] = MappingProxyType(
    {
        TaskKind.CLASSIFICATION: classification.judge,
        TaskKind.MULTILABEL: multilabel.judge,
        TaskKind.SEGMENTATION: segmentation.judge,
        TaskKind.SEQUENCE: sequence.judge,
        TaskKind.DETECTION: detection.judge,
        TaskKind.EMBEDDING: embedding.judge,
        TaskKind.REGRESSION: regression.judge,
        TaskKind.OTHER: noise.judge,
    }
)


def judge(
    numbers: QualityNumbers, *, task: ModelTask, limits: VariantLimits | None = None, gate: GateKind = "quantized"
) -> list[str]:
    """Return a sentence for each quality gate that is missed; none means that the quality is good enough."""
    limits = limits or VariantLimits()
    missed = [*noise.judge_comparable(numbers, has_free_count=task.layout == "nms"), *accuracy.judge(numbers, limits)]
    if gate == "exact":
        return [*missed, *noise.judge_exact(numbers)]
    return [*missed, *_gate_for(numbers, task=task)(numbers, limits)]


def judge_variant(
    measurements: Measurements, *, task: ModelTask, limits: VariantLimits, conditions: Conditions
) -> list[str]:
    """Return a sentence for each gate of a finished file that is missed; none means READY."""
    return [
        *judge(measurements, task=task, limits=limits, gate=conditions.gate),
        *file.judge(measurements, limits=limits, conditions=conditions),
    ]


def _gate_for(numbers: QualityNumbers, *, task: ModelTask) -> _Gate:
    """Return the gate of the task, or that of noise where the task's own metric could not be taken.

    Random inputs are unlike those of the task, so decisions on them say little: there the noise decides.
    """
    if numbers.get("parity_on") == "random" or numbers.get("metric") is None:
        return noise.judge
    return _BY_TASK[task.kind]
