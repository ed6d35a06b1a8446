"""Guesses the task of a model from the outputs of one inference. A guess is shown as assumed until a person says the task.

Where several answers are possible, the one whose gate is stricter on wrong files is taken; where nothing fits, `other`,
which the noise judges.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.tasks import scores
from registry.compression.evaluation.tasks.detector_layouts import grid_of
from registry.compression.model_task import ModelTask, TaskKind
from registry.compression.tensor_specs import TensorSpec

_EMBEDDING_NAME: Final = re.compile(r"embed|feature|vector|hidden|pooler|latent", re.IGNORECASE)
_STATE_NAME: Final = re.compile(r"state|cache|present|^[hc]_?n$|memory", re.IGNORECASE)
_SEQUENCE_NAME: Final = re.compile(r"ctc|logit|softmax|prob|char", re.IGNORECASE)
# Logits of one sample may lie in 0 to 1 by chance.
_SIGMOID_NAME: Final = re.compile(r"sigmoid|prob|score|label|tag", re.IGNORECASE)
_MIN_MAP_SIDE: Final = 8
# Fewer anchors are rather the frames of a sequence.
_MIN_ANCHORS: Final = 100
_MIN_SYMBOLS: Final = 10
_UNIT_LENGTH_TOLERANCE: Final = 1e-3


def guess(outputs: Sequence[TensorSpec], arrays: Sequence[Array]) -> ModelTask:
    """Return what the outputs look like; ``arrays`` are those of one inference, in the order of ``outputs``."""
    pairs = [(spec, array) for spec, array in zip(outputs, arrays, strict=True) if not _STATE_NAME.search(spec.name)]
    found = _guess_detector([array for _, array in pairs])
    for spec, array in pairs:
        found = found or _guess_one(spec, array)
    return found or ModelTask(is_assumed=True)


def _guess_one(spec: TensorSpec, array: Array) -> ModelTask | None:
    if array.dtype.kind in "iu" and array.ndim == 1:
        return ModelTask(kind=TaskKind.CLASSIFICATION, is_assumed=True)
    if array.dtype.kind != "f" or not array.size or not np.isfinite(array).all():
        return None
    values = array.astype(np.float64)
    if _EMBEDDING_NAME.search(spec.name) and values.ndim <= 3:
        return ModelTask(kind=TaskKind.EMBEDDING, is_assumed=True)
    by_rank = {1: _of_rank_1, 2: _of_rank_2, 3: _of_rank_3, 4: _of_rank_4}
    return by_rank[values.ndim](spec, values) if values.ndim in by_rank else None


def _of_rank_1(_: TensorSpec, __: Array) -> ModelTask:
    return ModelTask(kind=TaskKind.REGRESSION, is_assumed=True)


def _of_rank_2(spec: TensorSpec, values: Array) -> ModelTask:
    if values.shape[1] == 1:
        kind = TaskKind.MULTILABEL if scores.are_in_unit_range(values) else TaskKind.REGRESSION
        return ModelTask(kind=kind, is_assumed=True, scores=_if_multilabel(kind))
    if scores.are_probabilities(values):
        return ModelTask(kind=TaskKind.CLASSIFICATION, is_assumed=True, scores="probabilities")
    if scores.are_in_unit_range(values) and _SIGMOID_NAME.search(spec.name):
        return ModelTask(kind=TaskKind.MULTILABEL, is_assumed=True, scores="probabilities")
    lengths = np.linalg.norm(values, axis=1)
    if np.abs(lengths - 1).max() < _UNIT_LENGTH_TOLERANCE:
        return ModelTask(kind=TaskKind.EMBEDDING, is_assumed=True)
    return ModelTask(kind=TaskKind.CLASSIFICATION, is_assumed=True, scores="logits")


def _of_rank_3(spec: TensorSpec, values: Array) -> ModelTask | None:
    if (
        min(values.shape[1:]) >= _MIN_MAP_SIDE
        and scores.are_in_unit_range(values)
        and not scores.are_probabilities(values)
    ):
        return ModelTask(kind=TaskKind.SEGMENTATION, is_assumed=True, scores="probabilities")
    is_ready = scores.are_probabilities(values)
    is_sequence = is_ready or (values.shape[-1] >= _MIN_SYMBOLS and _SEQUENCE_NAME.search(spec.name))
    if not is_sequence or values.shape[-1] < 2:
        return None
    return ModelTask(
        kind=TaskKind.SEQUENCE,
        is_assumed=True,
        scores="probabilities" if is_ready else "logits",
        blank=_guess_blank(values),
    )


def _of_rank_4(spec: TensorSpec, values: Array) -> ModelTask | None:
    if min(sorted(values.shape[1:])[1:]) < _MIN_MAP_SIDE:
        if values.shape[2:] == (1, 1):
            return _of_rank_2(spec, values.reshape(values.shape[:2]))
        return None
    is_ready = scores.are_in_unit_range(values)
    return ModelTask(kind=TaskKind.SEGMENTATION, is_assumed=True, scores="probabilities" if is_ready else "logits")


def _guess_blank(values: Array) -> int:
    """Return the class that most frames choose where it is the first or the last; the first else, as most decoders have it."""
    last = values.shape[-1] - 1
    usual = int(np.bincount(values.argmax(axis=-1).reshape(-1)).argmax())
    return usual if usual in (0, last) else 0


def _guess_detector(arrays: Sequence[Array]) -> ModelTask | None:
    layout = _guess_layout([array for array in arrays if array.ndim >= 2])
    return ModelTask(kind=TaskKind.DETECTION, is_assumed=True, layout=layout) if layout else None


def _guess_layout(arrays: Sequence[Array]) -> Literal["yolo", "yolox", "boxes_scores", "nms"] | None:
    shapes = [array.shape for array in arrays]
    boxes = next((shape for shape in shapes if len(shape) == 3 and shape[2] == 4), None)
    if boxes and any(shape != boxes and boxes[1] in shape[1:] for shape in shapes):
        return "boxes_scores"
    if len(arrays) != 1:
        return None
    return "nms" if _are_ready_boxes(arrays[0]) else _guess_anchors(arrays[0])


def _guess_anchors(array: Array) -> Literal["yolo", "yolox"] | None:
    if array.ndim != 3 or array.dtype.kind != "f":
        return None
    _, second, third = array.shape
    if second >= _MIN_ANCHORS and 5 < third < second and _has_grid(second):
        return "yolox"
    if third >= _MIN_ANCHORS and 4 < second < third and _has_grid(third):
        return "yolo"
    return None


def _has_grid(anchors: int) -> bool:
    """Return whether a square image has so many anchors, or whether any image of whole cells could (21 a cell of 32²)."""
    return grid_of(anchors, image_size=None) is not None or anchors % 21 == 0


def _are_ready_boxes(array: Array) -> bool:
    """Return whether rows are boxes: corners in order, a score, and a class. (N, 6) may as well be six classes."""
    if array.shape[-1] != 6 or array.ndim not in {2, 3} or array.dtype.kind != "f" or array.size < 12:
        return False
    rows = array.reshape(-1, 6)
    is_ordered = (rows[:, 2] >= rows[:, 0]).all() and (rows[:, 3] >= rows[:, 1]).all()
    is_scored = scores.are_in_unit_range(rows[:, 4])
    return bool(is_ordered and is_scored and (rows[:, 5] == np.rint(rows[:, 5])).all() and (rows[:, 5] >= 0).all())


def _if_multilabel(kind: TaskKind) -> Literal["probabilities"] | None:
    return "probabilities" if kind == TaskKind.MULTILABEL else None
