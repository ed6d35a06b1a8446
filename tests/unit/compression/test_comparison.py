import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.compression.evaluation import gates
from registry.compression.evaluation.comparison import new_comparison
from registry.compression.evaluation.noise import to_decibels
from registry.compression.evaluation.tasks import detector_layouts
from registry.compression.evaluation.tasks.classification import choose_classes
from registry.compression.evaluation.tasks.sequence import count_edits, decode
from registry.compression.model_task import ModelTask, TaskKind

OTHER = ModelTask()
SHAPES = {
    "classification": (8, 10), "multilabel": (8, 5), "segmentation": (2, 1, 16, 16), "sequence": (2, 20, 12),
    "detection": (1, 21, 8), "embedding": (16, 32), "regression": (8, 3), "other": (8, 4),
}  # fmt: skip


def compare(task, *pairs, labels=None):
    comparison = new_comparison(task, names=["first", "second"])
    for source, variant in pairs:
        comparison.add(source, variant, labels)
    return comparison.summarize()


def outputs_of(kind, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.normal(scale=3.0, size=SHAPES[kind]).astype(np.float32)
    return 1 / (1 + np.exp(-values)) if kind in ("segmentation", "multilabel") else values


def test_sqnr_is_the_textbook_ratio_of_the_worst_output():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 8, 10)).astype(np.float32)
    found = compare(OTHER, ([first, second], [first * np.float32(1.01), second * np.float32(1.1)]))
    assert found["sqnr_db"] == pytest.approx(20.0, abs=0.01)


def test_agreement_and_accuracy_are_counted_over_all_inferences():
    want = np.eye(4, dtype=np.float32)
    found = compare(
        ModelTask(kind=TaskKind.CLASSIFICATION), ([want], [want[[0, 1, 2, 2]]]), labels=np.array([0, 1, 2, 0])
    )
    assert found["agreement"] == found["accuracy_before"] == found["accuracy_after"] == 0.75
    assert found["accuracy_per_class"]["0"] == {"samples": 2, "before": 0.5, "after": 0.5}


def test_equal_outputs_are_a_finite_number_of_decibels():
    assert to_decibels(1.0, 0.0) == 200.0
    assert math.isfinite(to_decibels(0.0, 1.0))


def test_nan_in_the_variant_alone_is_its_fault():
    found = compare(OTHER, ([np.ones((1, 3), np.float32)], [np.full((1, 3), np.nan, np.float32)]))
    assert found["is_finite"] is False
    assert "NaN or infinite" in gates.judge(found, task=OTHER)[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", list(TaskKind))
def test_values_that_the_source_itself_does_not_give_reject_no_variant(kind, value):
    output = outputs_of(kind)
    output.reshape(-1)[3] = value
    found = compare(ModelTask(kind=kind), ([output], [output.copy()]))
    assert found["is_finite"] is True
    assert found["source_not_finite"] == ["first"]
    assert gates.judge(found, task=ModelTask(kind=kind)) == []


@pytest.mark.parametrize(
    ("shape", "decisions"),
    [((2, 5), (2,)), ((2, 5, 7, 7), (2, 7, 7)), ((2, 6, 5), (2, 6)), ((2, 1), None), ((2,), None)],
)
def test_classes_are_looked_for_on_the_axis_where_the_layout_has_them(shape, decisions):
    chosen = choose_classes([np.zeros(shape, np.float32)])
    assert (chosen if chosen is None else chosen.shape) == decisions


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(list(TaskKind)), seed=st.integers(0, 2**32 - 1))
def test_a_variant_that_is_its_source_passes_every_gate(kind, seed):
    output, task = outputs_of(kind, seed), ModelTask(kind=kind)
    found = compare(task, ([output], [output.copy()]), ([output[::-1]], [output[::-1].copy()]))
    assert gates.judge(found, task=task) == []
    assert gates.judge(found, task=task, gate="exact") == []


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(sorted(set(TaskKind) - {TaskKind.DETECTION})), seed=st.integers(0, 2**32 - 1))
def test_a_variant_that_has_nothing_of_its_source_passes_no_gate(kind, seed):
    task = ModelTask(kind=kind)
    pairs = [([outputs_of(kind, seed + index)], [outputs_of(kind, seed + 1000 + index)]) for index in range(4)]
    assert gates.judge(compare(task, *pairs), task=task) != []


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(list(TaskKind)), seed=st.integers(0, 2**32 - 1), scale=st.floats(0, 3))
def test_more_noise_is_never_a_better_ratio(kind, seed, scale):
    output = outputs_of(kind, seed)
    noise = np.random.default_rng(seed).normal(size=output.shape)
    less, more = (
        compare(ModelTask(kind=kind), ([output], [output + part * scale * noise]))["sqnr_db"] for part in (0.5, 1.0)
    )
    assert more <= less


@given(st.lists(st.integers(0, 3), max_size=12).map(np.array), st.lists(st.integers(0, 3), max_size=12).map(np.array))
def test_the_edit_distance_is_a_distance(first, second):
    edits = count_edits(first, second)
    assert edits == count_edits(second, first)
    assert abs(len(first) - len(second)) <= edits <= max(len(first), len(second))
    assert (edits == 0) == np.array_equal(first, second)


def test_the_edit_distance_of_kitten_and_sitting_is_three():
    kitten, sitting = (np.array(list(word.encode())) for word in ("kitten", "sitting"))
    assert count_edits(kitten, sitting) == 3


def test_a_path_is_read_without_repeats_and_blanks():
    assert decode(np.array([0, 1, 1, 0, 1, 2, 2, 0]), blank=0).tolist() == [1, 1, 2]


def test_a_sequence_is_judged_by_what_is_read_not_by_its_frames():
    frames = np.full((1, 100, 5), -9.0, np.float32)
    frames[:, :, 0] = 9
    frames[0, 10:20] = frames[0, 30:40] = [-9, 9, -9, -9, -9]
    moved = np.roll(frames, 1, axis=1)
    found = compare(ModelTask(kind=TaskKind.SEQUENCE, blank=0), ([frames], [moved]))
    assert found["error_rate"] == 0.0


def test_recurrent_models_have_their_frames_first():
    frames = np.random.default_rng(0).normal(size=(20, 1, 6)).astype(np.float32)
    task = ModelTask(kind=TaskKind.SEQUENCE, blank=0)
    changed = frames.copy()
    changed[5] = -changed[5]
    first = compare(task, ([frames], [changed]))
    second = compare(task, ([frames.swapaxes(0, 1)], [changed.swapaxes(0, 1)]))
    assert first["error_rate"] == second["error_rate"] > 0


@pytest.mark.parametrize("layout", ["yolo", "yolox", "boxes_scores", "nms"])
def test_a_feed_without_detections_is_compared_and_adds_nothing(layout):
    outputs = {
        "yolo": [np.zeros((1, 9, 84), np.float32)], "yolox": [np.zeros((1, 84, 9), np.float32)],
        "boxes_scores": [np.zeros((1, 0, 4), np.float32), np.zeros((1, 0, 3), np.float32)],
        "nms": [np.zeros((0, 6), np.float32)],
    }[layout]  # fmt: skip
    task = ModelTask(kind=TaskKind.DETECTION, layout=layout)
    found = compare(task, (outputs, [output.copy() for output in outputs]))
    assert found["metric"] is None
    assert gates.judge(found, task=task) == []


def test_boxes_that_moved_by_a_pixel_match_and_those_that_moved_away_do_not():
    rows = np.array([[10, 10, 60, 60, 0.9, 1], [100, 100, 180, 160, 0.8, 2]], np.float32)
    task = ModelTask(kind=TaskKind.DETECTION, layout="nms")
    near = compare(task, ([rows], [rows + np.array([1, 1, 1, 1, 0, 0], np.float32)]))
    far = compare(task, ([rows], [rows + np.array([30, 30, 30, 30, 0, 0], np.float32)]))
    assert near["metric"]["value"] == 1.0
    assert far["metric"]["value"] == 0.0


def test_a_detector_may_lose_a_box_without_an_error():
    rows = np.array([[10, 10, 60, 60, 0.9, 1], [100, 100, 180, 160, 0.8, 2]], np.float32)
    found = compare(ModelTask(kind=TaskKind.DETECTION, layout="nms"), ([rows], [rows[:1]]))
    assert (found["boxes_before"], found["boxes_after"]) == (2, 1)
    assert found["metric"]["value"] == pytest.approx(2 / 3)


def test_a_grid_is_unfolded_as_yolox_does():
    table = np.zeros((1, 21, 6), np.float32)
    # The cell (2, 1) of the level with stride 8: anchors run row by row.
    table[0, 4 + 2] = [0.5, 0.5, np.log(2), np.log(1), 0.9, 0.8]
    boxes = detector_layouts.read([table], layout="yolox", image_size=(32, 32))[0].best(threshold=0.5)
    assert boxes.corners.tolist() == [pytest.approx([12.0, 8.0, 28.0, 16.0])]
    assert boxes.scores.tolist() == [pytest.approx(0.72)]


def test_overlapping_boxes_of_one_class_are_one():
    table = np.zeros((1, 6, 10), np.float32)
    table[0, :, 0] = [50, 50, 20, 20, 0.9, 0]
    table[0, :, 1] = [51, 50, 20, 20, 0.8, 0]
    table[0, :, 2] = [51, 50, 20, 20, 0, 0.8]
    found = compare(ModelTask(kind=TaskKind.DETECTION, layout="yolo"), ([table], [table]))
    assert found["boxes_before"] == 2


def test_masks_are_compared_by_their_soft_overlap():
    mask = np.zeros((1, 1, 8, 8), np.float32)
    mask[..., :4] = 1.0
    half = mask.copy()
    half[..., :2] = 0.0
    found = compare(ModelTask(kind=TaskKind.SEGMENTATION), ([mask], [half]))
    assert found["metric"]["value"] == found["worst_soft_iou"] == 0.5


def test_two_neighbors_that_swap_are_seen_in_an_embedding():
    vectors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    shuffled = np.roll(vectors, 1, axis=0)
    found = compare(ModelTask(kind=TaskKind.EMBEDDING), ([vectors], [vectors * 2]))
    assert (found["agreement"], found["cosine"]) == (1.0, pytest.approx(1.0))
    assert compare(ModelTask(kind=TaskKind.EMBEDDING), ([vectors], [shuffled]))["cosine"] < 0.9


def test_a_regression_is_held_against_the_spread_of_its_output():
    values = np.linspace(100, 101, 50, dtype=np.float64)[:, None]
    found = compare(ModelTask(kind=TaskKind.REGRESSION), ([values], [values + 0.01]))
    assert found["metric"]["value"] == pytest.approx(0.01 / values.std())
