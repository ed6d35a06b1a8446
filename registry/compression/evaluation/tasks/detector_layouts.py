"""Reads the boxes of a detector from its outputs, by layout (docs/wire-format.md, *Task*).

``yolo``: (N, 4 + classes, A) or (N, A, 4 + classes), center and size, no objectness · ``yolox``: (N, A, 5 + classes) with
objectness, center and size on a grid with strides, or in pixels already · ``boxes_scores``: two outputs · ``nms``: (N, 6),
(N, n, 6) or (n, 6) ready boxes: x1, y1, x2, y2, score, class.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from registry.compression.arrays import Array
from registry.compression.evaluation.tasks import scores
from registry.compression.evaluation.tasks.boxes import Boxes, to_corners

# The levels of the feature pyramid of YOLOX (Ge et al. 2021), and of those with one more.
_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
# Sizes on the grid are logarithms: in pixels a box is wider than e³ somewhere, and never negative.
_LARGEST_LOGARITHM = 16.0

ImageSize = tuple[int, int]
_Reader = Callable[[Sequence[Array], ImageSize | None], list[Boxes]]


def read(outputs: Sequence[Array], *, layout: str, image_size: ImageSize | None = None) -> list[Boxes]:
    """Return the boxes of each image, before any threshold; empty where the outputs do not have the layout.

    ``image_size`` is (height, width); without it the image is taken for a square.
    """
    floats = [output.astype(np.float64) for output in outputs if output.dtype.kind in "fiu" and output.ndim >= 2]
    return _READERS[layout](floats, image_size)


def grid_of(anchors: int, *, image_size: ImageSize | None) -> tuple[Array, Array] | None:
    """Return the cell (x, y) and the stride of each anchor, or None where no pyramid has so many."""
    for strides in _STRIDES:
        height, width = image_size or _square(anchors, strides=strides)
        shapes = [(math.ceil(height / stride), math.ceil(width / stride)) for stride in strides]
        if height and sum(rows * columns for rows, columns in shapes) == anchors:
            cells = [np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).reshape(-1, 2) for h, w in shapes]
            steps = [np.full(h * w, stride) for (h, w), stride in zip(shapes, strides, strict=True)]
            return np.concatenate(cells), np.concatenate(steps)
    return None


def _square(anchors: int, *, strides: Sequence[int]) -> ImageSize:
    per_cell = sum((strides[-1] // stride) ** 2 for stride in strides)
    side = math.isqrt(anchors // per_cell) * strides[-1]
    return side, side


def _yolo(outputs: Sequence[Array], _: ImageSize | None) -> list[Boxes]:
    table = next((output for output in outputs if output.ndim == 3), None)
    if table is None:
        return []
    if table.shape[1] < table.shape[2]:
        table = np.swapaxes(table, 1, 2)
    return [_scored(to_corners(rows), _to_unit(rows[:, 4:])) for rows in table] if table.shape[2] > 4 else []


def _yolox(outputs: Sequence[Array], image_size: ImageSize | None) -> list[Boxes]:
    table = next((output for output in outputs if output.ndim == 3 and output.shape[2] > 5), None)
    if table is None:
        return []
    centers = table[..., :4]
    grid = grid_of(table.shape[1], image_size=image_size) if _is_on_grid(centers) else None
    if grid is not None:
        cells, steps = grid
        sizes = np.exp(np.clip(centers[..., 2:], None, _LARGEST_LOGARITHM))
        centers = np.concatenate([centers[..., :2] + cells, sizes], axis=-1) * steps[:, None]
    certainty = _to_unit(table[..., 4:5]) * _to_unit(table[..., 5:])
    return [_scored(to_corners(rows), scored) for rows, scored in zip(centers, certainty, strict=True)]


def _boxes_scores(outputs: Sequence[Array], _: ImageSize | None) -> list[Boxes]:
    corners = next((output for output in outputs if output.shape[-1] == 4 and output.ndim >= 2), None)
    others = [output for output in outputs if output is not corners]
    if corners is None or not others:
        return []
    corners = corners.reshape(math.prod(corners.shape[:-2]), corners.shape[-2], 4)
    anchors, found = corners.shape[1], others[0]
    scored = found.reshape(len(corners), *found.shape[-2:]) if found.ndim > 2 else found[..., None]
    if scored.shape[1] != anchors and scored.shape[2] == anchors:
        scored = np.swapaxes(scored, 1, 2)
    if scored.shape[1] != anchors:
        return []
    return [_scored(rows, _to_unit(row)) for rows, row in zip(corners, scored, strict=True)]


def _nms(outputs: Sequence[Array], _: ImageSize | None) -> list[Boxes]:
    table = next((output for output in outputs if output.shape[-1] == 6), None)
    if table is None:
        return []
    images = table if table.ndim == 3 else table.reshape(1, -1, 6)
    return [Boxes(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(int)) for rows in images]


def _scored(corners: Array, scored: Array) -> Boxes:
    return Boxes(corners, scored.max(axis=-1), scored.argmax(axis=-1))


def _to_unit(scored: Array) -> Array:
    return scored if scores.are_in_unit_range(scored) else scores.sigmoid(scored)


def _is_on_grid(centers: Array) -> bool:
    sizes = centers[..., 2:]
    return bool(sizes.size) and (float(sizes.min()) < 0 or float(sizes.max()) < _LARGEST_LOGARITHM)


_READERS: Mapping[str, _Reader] = MappingProxyType(
    {"yolo": _yolo, "yolox": _yolox, "boxes_scores": _boxes_scores, "nms": _nms}
)
