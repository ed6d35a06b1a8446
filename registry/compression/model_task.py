"""What a model is for: the task contract of docs/wire-format.md, *Task*. Gates, self-test, page and telemetry follow it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from core.errors import Invalid


class InvalidTask(Invalid):
    """The task of the metadata is not of the form that docs/wire-format.md describes, or contradicts itself."""

    code: ClassVar[str] = "invalid_task"


class TaskKind(StrEnum):
    """What the outputs of a model mean."""

    CLASSIFICATION = "classification"
    MULTILABEL = "multilabel"
    DETECTION = "detection"
    SEGMENTATION = "segmentation"
    SEQUENCE = "sequence"
    REGRESSION = "regression"
    EMBEDDING = "embedding"
    OTHER = "other"


class ModelTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The task of one model; a field that its kind does not use is None."""

    kind: TaskKind = TaskKind.OTHER
    # Guessed from the outputs, until a person says.
    is_assumed: bool = False
    scores: Literal["logits", "probabilities"] | None = None
    # Of a detector.
    layout: Literal["yolo", "yolox", "boxes_scores", "nms"] | None = None
    score_threshold: float | None = None
    iou_threshold: float | None = None
    # Of a mask, or of each label of several.
    threshold: float | None = None
    # The class that a sequence (CTC) leaves out.
    blank: int | None = None


# Which kinds use a field; a field that the kind does not use is a mistake that a person wants to know of.
_USED_BY: Mapping[str, frozenset[TaskKind]] = {
    "scores": frozenset({TaskKind.CLASSIFICATION, TaskKind.MULTILABEL, TaskKind.SEGMENTATION, TaskKind.SEQUENCE}),
    "layout": frozenset({TaskKind.DETECTION}),
    "score_threshold": frozenset({TaskKind.DETECTION}),
    "iou_threshold": frozenset({TaskKind.DETECTION}),
    "threshold": frozenset({TaskKind.MULTILABEL, TaskKind.SEGMENTATION}),
    "blank": frozenset({TaskKind.SEQUENCE}),
}


def read(metadata: object) -> ModelTask | None:
    """Return the task that the metadata of an upload says, or None where they say none.

    Raises:
        InvalidTask: Names the field.
    """
    body = metadata.get("task") if isinstance(metadata, dict) else None
    if body is None:
        return None
    if not isinstance(body, dict) or "kind" not in body:
        kinds = ", ".join(TaskKind)
        raise InvalidTask.field("metadata.task", f"must be a JSON object with a kind: {kinds}.")
    if "is_assumed" in body:
        raise InvalidTask.field("metadata.task.is_assumed", "is no field: a task that is said is not assumed.")
    try:
        task = msgspec.convert(body, ModelTask)
    except msgspec.ValidationError as error:
        raise InvalidTask.field("metadata.task", f"{error}.") from error
    _check(task)
    return task


def _check(task: ModelTask) -> None:
    for field, kinds in _USED_BY.items():
        if getattr(task, field) is not None and task.kind not in kinds:
            raise InvalidTask.field(f"metadata.task.{field}", f"has no meaning for {task.kind}.")
    for field in ("score_threshold", "iou_threshold", "threshold"):
        value = getattr(task, field)
        if value is not None and not 0 <= value <= 1:
            raise InvalidTask.field(f"metadata.task.{field}", "must be a number from 0 to 1.")
    if task.blank is not None and task.blank < 0:
        raise InvalidTask.field("metadata.task.blank", "must be the index of a class.")
