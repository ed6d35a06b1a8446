"""The self-test's comparison by the task: what the outputs mean is compared, not their numbers. Pure functions.

Numbers may be far off where their meaning is not: another processor rounds differently, and a detector then writes its boxes
in another order. The bounds are wide: the self-test finds a wrong file, a wrong layout or a broken kernel, no small loss.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from edge_agent.inference import detections, scores
from edge_agent.inference.array_checks import Array
from edge_agent.inference.detections import Boxes, Floats
from edge_agent.installed.manifest import Task

# A label or a box this near to its threshold may be on either side of it.
NEAR_THRESHOLD = 0.05
LEAST_BOX_F1 = 0.9
LEAST_MASK_OVERLAP = 0.9
LEAST_COSINE = 0.98
MOST_SEQUENCE_ERRORS = 0.1
DEFAULT_SCORE_THRESHOLD = 0.25
DEFAULT_IOU_THRESHOLD = 0.45
# Where an image has no known size; it matters for detectors on a grid only.
UNKNOWN_SIZE = (640, 640)


def compare(
    got: Sequence[Array], wanted: Sequence[Array], *, task: Task, image_size: tuple[int, int] = UNKNOWN_SIZE
) -> str | None:
    """Return the first difference in meaning as a sentence, an empty text where there is none.

    None where the task says nothing about the outputs, so that their numbers have to be compared.

    Args:
        got: this device's outputs, in the model's order.
        wanted: the golden outputs in the same order.
        task: the task of the manifest.
        image_size: height and width of a detector's image.
    """
    if task.kind == "detection":
        return _compare_boxes(got, wanted, task=task, image_size=image_size)
    judge = _JUDGES.get(task.kind)
    if judge is None:
        return None
    if got[0].shape != wanted[0].shape:
        return f"the output has the shape {list(got[0].shape)}, not {list(wanted[0].shape)}"
    return judge(np.asarray(got[0], dtype=np.float64), np.asarray(wanted[0], dtype=np.float64), task)


def find_image_size(shapes: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return height and width of the first input that is an image (N, 3, H, W) or (N, H, W, 3)."""
    for shape in shapes:
        if len(shape) == 4:
            return (shape[1], shape[2]) if shape[3] in {1, 3, 4} else (shape[2], shape[3])
    return UNKNOWN_SIZE


def _compare_classes(got: Floats, wanted: Floats, _: Task) -> str:
    rows, expected = got.reshape(-1, got.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
    found, classes = rows.argmax(axis=1), expected.argmax(axis=1)
    samples = np.arange(len(rows))
    likely = expected if scores.is_probability(expected) else scores.softmax(expected)
    lead = likely[samples, classes] - likely[samples, found]
    wrong = lead > NEAR_THRESHOLD
    return f"{int(wrong.sum())} of {len(rows)} samples have another class" if wrong.any() else ""


def _compare_labels(got: Floats, wanted: Floats, task: Task) -> str:
    threshold = 0.5 if task.threshold is None else task.threshold
    have, expected = (_to_unit(part, is_logits=task.scores == "logits") for part in (got, wanted))
    differs = (have >= threshold) != (expected >= threshold)
    wrong = differs & (np.abs(expected - threshold) > NEAR_THRESHOLD)
    return f"{int(wrong.sum())} of {wrong.size} labels differ" if wrong.any() else ""


def _compare_masks(got: Floats, wanted: Floats, _: Task) -> str:
    have, expected = _to_masks(got), _to_masks(wanted)
    both, either = np.minimum(have, expected).sum(), np.maximum(have, expected).sum()
    overlap = float(both / either) if either > 0 else 1.0
    return f"the masks overlap by {overlap:.3f}" if overlap < LEAST_MASK_OVERLAP else ""


def _compare_sequences(got: Floats, wanted: Floats, task: Task) -> str:
    have, expected = _decode(got, blank=task.blank or 0), _decode(wanted, blank=task.blank or 0)
    errors = _edit_distance(have, expected)
    return f"{errors} of {len(expected)} symbols differ" if errors > MOST_SEQUENCE_ERRORS * len(expected) else ""


def _compare_directions(got: Floats, wanted: Floats, _: Task) -> str:
    have, expected = got.reshape(len(got), -1), wanted.reshape(len(wanted), -1)
    lengths = np.linalg.norm(have, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = (have * expected).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    worst = float(cosine[lengths > 0].min(initial=1.0))
    return f"an embedding has a cosine of {worst:.3f}" if worst < LEAST_COSINE else ""


_JUDGES: Mapping[str, Callable[[Floats, Floats, Task], str]] = MappingProxyType(
    {
        "classification": _compare_classes,
        "multilabel": _compare_labels,
        "segmentation": _compare_masks,
        "sequence": _compare_sequences,
        "embedding": _compare_directions,
    }
)


def _compare_boxes(
    got: Sequence[Array], wanted: Sequence[Array], *, task: Task, image_size: tuple[int, int]
) -> str | None:
    if task.layout is None:
        return None
    threshold = DEFAULT_SCORE_THRESHOLD if task.score_threshold is None else task.score_threshold
    iou = DEFAULT_IOU_THRESHOLD if task.iou_threshold is None else task.iou_threshold
    try:
        have, expected = (
            detections.find_boxes(
                outputs, layout=task.layout, image_size=image_size, score_threshold=threshold, iou_threshold=iou
            )
            for outputs in (got, wanted)
        )
    except (ValueError, IndexError) as error:
        return f"no boxes can be read: {error}"
    if len(have) != len(expected):
        return f"there are boxes of {len(have)} images, not of {len(expected)}"
    clear = threshold + NEAR_THRESHOLD
    counts = np.array([_count(*pair, clear=clear) for pair in zip(have, expected, strict=True)]).sum(axis=0)
    matched, unmatched = int(counts[0]), int(counts[1])
    f1 = 2 * matched / (2 * matched + unmatched) if matched + unmatched else 1.0
    return f"{unmatched} boxes have no partner, {matched} pairs have (F1 {f1:.3f})" if f1 < LEAST_BOX_F1 else ""


def _count(have: Boxes, expected: Boxes, *, clear: float) -> tuple[int, int]:
    """Return the matched pairs, and the boxes of both that are clearly above the threshold and have no partner."""
    rows, columns = detections.match(have, expected)
    alone = [np.delete(boxes.scores, chosen) for boxes, chosen in ((have, rows), (expected, columns))]
    return len(rows), sum(int((part >= clear).sum()) for part in alone)


def _to_unit(values: Floats, *, is_logits: bool) -> Floats:
    if not is_logits and values.size and values.min() >= 0 and values.max() <= 1:
        return values
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))


def _to_masks(values: Floats) -> Floats:
    """Return the share of each class at each place; one channel (N, 1, H, W) or (N, H, W) is one class and its absence."""
    if values.ndim < 4 or values.shape[1] == 1:
        return _to_unit(values, is_logits=False)
    flat = np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])
    return flat if scores.is_probability(flat) else scores.softmax(flat)


def _decode(values: Floats, *, blank: int) -> list[int]:
    """Return the symbols of all samples (N, frames, classes): the best of each frame, repeats once, blanks not at all."""
    found: list[int] = []
    for frames in values.reshape(-1, *values.shape[-2:]).argmax(axis=-1):
        changes = frames[np.concatenate([[True], frames[1:] != frames[:-1]])]
        found += [int(symbol) for symbol in changes if symbol != blank]
    return found


def _edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the fewest insertions, deletions and replacements between two sequences (Levenshtein 1966)."""
    row = list(range(len(second) + 1))
    for place, symbol in enumerate(first, start=1):
        before, row[0] = row[0], place
        for column, other in enumerate(second, start=1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (symbol != other))
    return row[-1]
