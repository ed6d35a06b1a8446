"""The self-test by the task: the same meaning passes, another one does not, whatever the numbers are."""

import numpy as np
import pytest

from edge_agent.inference import task_judging
from edge_agent.installed.manifest import Task

RANDOM = np.random.default_rng(3)


def judge(got, wanted, kind: str, *, image_size=(64, 64), **fields):
    lists = [part if isinstance(part, tuple) else (part,) for part in (got, wanted)]
    arrays = [[np.asarray(array, dtype=np.float32) for array in part] for part in lists]
    return task_judging.compare(*arrays, task=Task(kind=kind, **fields), image_size=image_size)


def test_the_same_class_passes_and_a_near_tie_may_fall_either_way():
    wanted = [[4.0, 1.0, 0.0], [0.0, 2.01, 2.0]]
    assert judge([[9.0, 3.0, 0.0], [0.0, 2.0, 2.02]], wanted, "classification") == ""
    assert judge([[1.0, 3.0, 0.0], [0.0, 2.01, 2.0]], wanted, "classification") == "1 of 2 samples have another class"


def test_labels_are_compared_at_their_threshold():
    wanted = [[0.9, 0.1, 0.52]]
    assert judge([[0.7, 0.2, 0.48]], wanted, "multilabel") == ""
    assert judge([[0.3, 0.2, 0.48]], wanted, "multilabel") == "1 of 3 labels differ"
    assert judge([[5.0, -5.0]], [[2.0, -2.0]], "multilabel", scores="logits") == ""


def test_masks_are_compared_by_their_overlap():
    mask = np.zeros((1, 1, 20, 20), dtype=np.float32)
    mask[..., 5:15, 5:15] = 1
    assert judge(mask * 0.97, mask, "segmentation") == ""
    assert judge(np.roll(mask, 5, axis=-1), mask, "segmentation") == "the masks overlap by 0.333"
    classes = RANDOM.normal(size=(1, 4, 8, 8)) * 9
    assert judge(classes + 0.01, classes, "segmentation") == ""
    assert "overlap" in judge(-classes, classes, "segmentation")
    assert judge(mask * 0, mask * 0, "segmentation") == ""


def frames(symbols, classes=4):
    return np.eye(classes, dtype=np.float32)[None, symbols]


def test_sequences_are_compared_after_decoding():
    wanted = frames([0, 1, 1, 0, 2, 3, 3])
    assert judge(frames([1, 1, 0, 2, 2, 3, 0]), wanted, "sequence", blank=0) == ""
    assert judge(frames([0, 1, 1, 0, 3, 3, 3]), wanted, "sequence", blank=0) == "1 of 3 symbols differ"


def test_embeddings_are_compared_by_their_direction():
    wanted = RANDOM.normal(size=(2, 16))
    assert judge(wanted * 2, wanted, "embedding") == ""
    assert "cosine" in judge(-wanted, wanted, "embedding")


@pytest.mark.parametrize("kind", ["regression", "other", "of a later release"])
def test_where_the_task_says_nothing_the_numbers_decide(kind):
    assert judge([[1.0]], [[2.0]], kind) is None
    assert judge([[1.0]], [[2.0]], "detection") is None


def test_another_shape_is_a_difference():
    assert judge([[1.0, 2.0]], [[1.0, 2.0, 3.0]], "classification") == "the output has the shape [1, 2], not [1, 3]"


READY = np.array([[[10, 10, 30, 30, 0.9, 2], [40, 40, 60, 60, 0.8, 1]]], dtype=np.float32)


def test_ready_boxes_are_matched_in_any_order_and_however_many_rows_there_are():
    shifted = READY[:, ::-1].copy()
    shifted[..., :4] += 2
    assert judge(shifted, READY, "detection", layout="nms") == ""
    assert judge(shifted[0], READY[0], "detection", layout="nms") == ""
    faint = np.concatenate([READY, [[[0, 0, 5, 5, 0.26, 1]]]], axis=1)
    assert judge(faint, READY, "detection", layout="nms") == ""


def test_a_box_elsewhere_or_of_another_class_has_no_partner():
    elsewhere, renamed = READY.copy(), READY.copy()
    elsewhere[0, 0, :4] += 100
    renamed[0, 0, 5] = 7
    for other in (elsewhere, renamed, READY[:, :0]):
        assert "no partner" in judge(other, READY, "detection", layout="nms")
    assert judge(READY[:, :0], READY[:, :0], "detection", layout="nms") == ""


def test_boxes_and_scores_come_in_two_outputs():
    corners, scores = READY[..., :4], np.array([[[0, 0, 0.9], [0, 0.8, 0]]])
    assert judge((corners + 1, scores), (corners, scores), "detection", layout="boxes_scores") == ""
    assert "no partner" in judge((corners, scores[:, ::-1]), (corners, scores), "detection", layout="boxes_scores")


@pytest.mark.parametrize("is_transposed", [False, True])
def test_boxes_of_yolo_are_suppressed_first(is_transposed):
    table = np.zeros((1, 50, 7), dtype=np.float32)
    table[0, :, :4] = [20, 20, 20, 20]
    table[0, :, 4] = 0.1
    table[0, 3, 4], table[0, 4, 4] = 0.9, 0.85
    other = table.copy()
    # Another box of the same object is the best one here.
    other[0, 3, 4], other[0, 9, 4] = 0.7, 0.95
    if is_transposed:
        table, other = np.swapaxes(table, 1, 2), np.swapaxes(other, 1, 2)
    assert judge(other, table, "detection", layout="yolo") == ""
    assert "no partner" in judge(table * 0, table, "detection", layout="yolo")


def test_boxes_of_yolox_lie_on_a_grid():
    anchors = 8 * 8 + 4 * 4 + 2 * 2
    table = np.zeros((1, anchors, 7), dtype=np.float32)
    table[0, :, 2:4] = np.log(2)
    table[0, 9, 4:6] = 0.95
    moved = table.copy()
    moved[0, 9, :2] += 0.1
    assert judge(moved, table, "detection", layout="yolox") == ""
    # Another cell of the grid.
    elsewhere = np.roll(table, 20, axis=1)
    assert "no partner" in judge(elsewhere, table, "detection", layout="yolox")


def test_outputs_without_the_layout_fail_with_words():
    assert judge([[1.0]], [[1.0]], "detection", layout="nms") == "no boxes can be read: no output has rows of 6 numbers"
    assert "no boxes" in judge([[1.0]], [[1.0]], "detection", layout="yolo")


@pytest.mark.parametrize(
    ("shapes", "size"),
    [([(1, 3, 480, 640)], (480, 640)), ([(1,), (2, 416, 320, 3)], (416, 320)), ([(1, 9)], (640, 640))],
)
def test_the_size_of_the_image_is_read_from_the_inputs(shapes, size):
    assert task_judging.find_image_size(shapes) == size
