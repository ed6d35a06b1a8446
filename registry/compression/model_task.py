"""What a model is for: the task contract of docs/wire-format.md, *Task*. Gates, self-test, page and telemetry follow it."""

from enum import StrEnum
from typing import Literal

import msgspec


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
