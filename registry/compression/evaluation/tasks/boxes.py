"""Boxes: overlap, suppression, and the matching of two sets. Boxes are rows of x1, y1, x2, y2."""

from dataclasses import dataclass

import numpy as np

from registry.compression.arrays import Array

# Of one image; what comes after is noise of the detector, and would take quadratic time.
MAX_CANDIDATES = 1000


@dataclass(frozen=True)
class Boxes:
    """The boxes of one image, with the score and the class of each."""

    corners: Array
    scores: Array
    classes: Array

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: Array) -> "Boxes":
        """Return some of them, by indices or by a mask."""
        return Boxes(self.corners[chosen], self.scores[chosen], self.classes[chosen])

    def best(self, *, threshold: float) -> "Boxes":
        """Return those whose score is at least the threshold, best first, at most ``MAX_CANDIDATES``."""
        kept = self.take(self.scores >= threshold)
        return kept.take(np.argsort(-kept.scores, kind="stable")[:MAX_CANDIDATES])


def find_overlaps(first: Array, second: Array) -> Array:
    """Return the intersection over union of each pair."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(bottom_right - top_left, 0, None), axis=-1)
    areas = [np.prod(np.clip(part[:, 2:] - part[:, :2], 0, None), axis=-1) for part in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    # Boxes without an area overlap nothing but themselves.
    is_same = (first[:, None, :] == second[None, :, :]).all(axis=-1)
    return np.asarray(np.where(is_same, 1.0, shared / np.where(union > 0, union, 1)))


def suppress(boxes: Boxes, *, iou: float) -> Boxes:
    """Drop every box that overlaps a better one of its class by more than ``iou``; the boxes are sorted, best first."""
    overlaps = find_overlaps(boxes.corners, boxes.corners) > iou
    overlaps &= boxes.classes[:, None] == boxes.classes[None, :]
    is_kept = np.ones(len(boxes), dtype=bool)
    for index in range(len(boxes)):
        if is_kept[index]:
            is_kept[index + 1 :] &= ~overlaps[index, index + 1 :]
    return boxes.take(is_kept)


def count_matches(first: Boxes, second: Boxes, *, iou: float) -> int:
    """Match boxes of the same class one to one, the largest overlap first, and return the number of pairs."""
    overlaps = find_overlaps(first.corners, second.corners)
    overlaps *= first.classes[:, None] == second.classes[None, :]
    pairs = np.argwhere(overlaps >= iou)
    order = np.argsort(-overlaps[pairs[:, 0], pairs[:, 1]], kind="stable")
    taken: tuple[set[int], set[int]] = (set(), set())
    for left, right in pairs[order].tolist():
        if left not in taken[0] and right not in taken[1]:
            taken[0].add(left)
            taken[1].add(right)
    return len(taken[0])


def to_corners(centers: Array) -> Array:
    """Return x1, y1, x2, y2 of rows of center and size."""
    half = centers[..., 2:4] / 2
    return np.concatenate([centers[..., :2] - half, centers[..., :2] + half], axis=-1)
