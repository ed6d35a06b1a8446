"""From the outputs of a detector to the boxes of each image, and how many boxes two runs have in common. Pure functions.

Layouts of the wire contract's task: `yolo` (N, 4 + classes, A) or (N, A, 4 + classes), center and size in pixels · `yolox`
(N, A, 5 + classes) with objectness, on a grid with strides or in pixels · `boxes_scores`, two outputs with corners · `nms`
(N, n, 6) or (n, 6), ready boxes: corners, score, class.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.inference.array_checks import Array

Floats = NDArray[np.float64]

STRIDES = (8, 16, 32)
# Best first; more of one image are noise of the detector, and take quadratic time.
MOST_BOXES = 300
MATCHED_IOU = 0.5


@dataclasses.dataclass(frozen=True)
class Boxes:
    """The boxes of one image: corners (n, 4) as x1, y1, x2, y2, with the score and the class of each."""

    corners: Floats
    scores: Floats
    classes: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64]) -> "Boxes":
        """Return some of the boxes, by their indices."""
        return Boxes(self.corners[chosen], self.scores[chosen], self.classes[chosen])


def find_boxes(
    outputs: Sequence[Array], *, layout: str, image_size: tuple[int, int], score_threshold: float, iou_threshold: float
) -> list[Boxes]:
    """Return the boxes of each image above the threshold, without those that a better one of their class covers.

    Args:
        outputs: in the model's order.
        layout: one of the four above.
        image_size: height and width of the model's image, in pixels.
        score_threshold: boxes with a lower score are left out.
        iou_threshold: a box that overlaps a better one by more is left out; ready boxes are taken as they are.

    Raises:
        ValueError: the outputs do not have the layout.
    """
    floats = [np.asarray(output, dtype=np.float64) for output in outputs]
    found = _read(floats, layout=layout, image_size=image_size)
    best = [_keep_best(boxes, threshold=score_threshold) for boxes in found]
    return best if layout == "nms" else [_suppress(boxes, iou=iou_threshold) for boxes in best]


def match(first: Boxes, second: Boxes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of boxes of both that belong together: same class, IoU of at least 0.5, each used once."""
    overlaps = _overlaps(first.corners, second.corners)
    overlaps[first.classes[:, None] != second.classes[None, :]] = 0
    pairs: list[tuple[int, int]] = []
    while overlaps.size and overlaps.max() >= MATCHED_IOU:
        row, column = (int(place) for place in np.unravel_index(overlaps.argmax(), overlaps.shape))
        pairs.append((row, column))
        overlaps[row, :] = overlaps[:, column] = 0
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return rows, columns


def _read(outputs: Sequence[Floats], *, layout: str, image_size: tuple[int, int]) -> list[Boxes]:
    if layout == "nms":
        table = _find(outputs, last=6)
        images = table if table.ndim == 3 else table.reshape(1, -1, 6)
        return [Boxes(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64)) for rows in images]
    if layout == "boxes_scores":
        corners = _find(outputs, last=4)
        scores = next(output for output in outputs if output is not corners)
        return [_scored(*pair) for pair in zip(corners, scores, strict=True)]
    table = outputs[0]
    if table.ndim != 3:
        message = f"an output of shape {list(table.shape)} has no boxes in the layout {layout}"
        raise ValueError(message)
    if layout == "yolox":
        certainty = _to_unit(table[..., 4:5]) * _to_unit(table[..., 5:])
        return [
            _scored(_to_corners(_off_grid(rows, image_size)), row) for rows, row in zip(table, certainty, strict=True)
        ]
    if table.shape[1] < table.shape[2]:
        table = np.swapaxes(table, 1, 2)
    return [_scored(_to_corners(rows[:, :4]), _to_unit(rows[:, 4:])) for rows in table]


def _find(outputs: Sequence[Floats], *, last: int) -> Floats:
    for output in outputs:
        if output.ndim >= 2 and output.shape[-1] == last:
            return output
    message = f"no output has rows of {last} numbers"
    raise ValueError(message)


def _off_grid(rows: Floats, image_size: tuple[int, int]) -> Floats:
    """Return center and size in pixels; rows that lie on no grid of the image have them already."""
    height, width = image_size
    shapes = [(math.ceil(height / stride), math.ceil(width / stride)) for stride in STRIDES]
    if sum(h * w for h, w in shapes) != len(rows) or rows[:, 2:4].max(initial=0) > math.log(height * width + 1):
        return rows[:, :4]
    cells = np.concatenate(
        [np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).reshape(-1, 2) for h, w in shapes]
    )
    steps = np.concatenate([np.full(h * w, stride) for (h, w), stride in zip(shapes, STRIDES, strict=True)])
    return np.asarray(np.concatenate([rows[:, :2] + cells, np.exp(rows[:, 2:4])], axis=1) * steps[:, None])


def _to_corners(centers: Floats) -> Floats:
    half = centers[:, 2:4] / 2
    return np.concatenate([centers[:, :2] - half, centers[:, :2] + half], axis=1)


def _scored(corners: Floats, scores: Floats) -> Boxes:
    scores = _to_unit(scores)
    return Boxes(corners, scores.max(axis=-1), scores.argmax(axis=-1))


def _to_unit(scores: Floats) -> Floats:
    if scores.size == 0 or (scores.min() >= 0 and scores.max() <= 1):
        return scores
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -60, 60))))


def _keep_best(boxes: Boxes, *, threshold: float) -> Boxes:
    order = np.argsort(-boxes.scores, kind="stable")
    return boxes.take(order[boxes.scores[order] >= threshold][:MOST_BOXES])


def _suppress(boxes: Boxes, *, iou: float) -> Boxes:
    """Keep the best box of those of one class that overlap (greedy non-maximum suppression)."""
    overlaps = _overlaps(boxes.corners, boxes.corners)
    overlaps[boxes.classes[:, None] != boxes.classes[None, :]] = 0
    kept: list[int] = []
    for place in range(len(boxes.scores)):
        if not kept or overlaps[place, kept].max() <= iou:
            kept.append(place)
    return boxes.take(np.array(kept, dtype=np.int64))


def _overlaps(first: Floats, second: Floats) -> Floats:
    """Return the intersection over union of each pair, of shape (first, second)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    areas = [np.clip(part[:, 2:] - part[:, :2], 0, None).prod(axis=-1) for part in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(np.where(union > 0, shared / np.where(union > 0, union, 1), 0.0))
