import numpy as np
import pytest

from registry.compression.evaluation.tasks.guessing import guess
from registry.compression.model_task import InvalidTask, ModelTask, TaskKind, read
from registry.compression.tensor_specs import TensorSpec

RNG = np.random.default_rng(0)


def guess_of(*named):
    arrays = [array for _, array in named]
    return guess([TensorSpec(name, array.dtype.name, array.shape) for name, array in named], arrays)


def normal(*shape):
    return RNG.normal(scale=3, size=shape).astype(np.float32)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def unit(*shape):
    return RNG.uniform(0.01, 0.9, size=shape).astype(np.float32)


def test_a_task_that_is_said_is_read():
    body = {"kind": "detection", "layout": "yolox", "score_threshold": 0.3}
    assert read({"task": body}) == ModelTask(kind=TaskKind.DETECTION, layout="yolox", score_threshold=0.3)
    assert read({}) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("detection", "metadata.task"),
        ({}, "metadata.task"),
        ({"kind": "magic"}, "metadata.task"),
        ({"kind": "other", "color": 1}, "metadata.task"),
        ({"kind": "other", "is_assumed": True}, "metadata.task.is_assumed"),
        ({"kind": "classification", "layout": "yolo"}, "metadata.task.layout"),
        ({"kind": "regression", "blank": 0}, "metadata.task.blank"),
        ({"kind": "sequence", "blank": -1}, "metadata.task.blank"),
        ({"kind": "detection", "iou_threshold": 1.5}, "metadata.task.iou_threshold"),
        ({"kind": "multilabel", "threshold": float("nan")}, "metadata.task.threshold"),
    ],
)
def test_a_wrong_task_is_refused_by_its_field(body, field):
    with pytest.raises(InvalidTask) as refusal:
        read({"task": body})
    assert refusal.value.extra["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("outputs", "kind", "fields"),
    [
        ([("logits", normal(1, 10))], "classification", {"scores": "logits"}),
        ([("logits", unit(1, 10))], "classification", {"scores": "logits"}),
        ([("y", softmax(normal(1, 10)))], "classification", {"scores": "probabilities"}),
        ([("label", np.array([3]))], "classification", {}),
        ([("sigmoid", unit(1, 80))], "multilabel", {"scores": "probabilities"}),
        ([("output", unit(1, 1)), ("stateN", normal(2, 1, 128))], "multilabel", {"scores": "probabilities"}),
        ([("price", normal(1, 1))], "regression", {}),
        ([("embedding", normal(1, 512))], "embedding", {}),
        ([("y", normal(1, 512) / 1e9), ("last_hidden_state", normal(1, 7, 64))], "classification", {}),
        ([("map", unit(1, 1, 64, 64))], "segmentation", {"scores": "probabilities"}),
        ([("map", normal(1, 21, 64, 64))], "segmentation", {"scores": "logits"}),
        ([("y", softmax(normal(1, 40, 97)))], "sequence", {"scores": "probabilities", "blank": 0}),
        ([("ctc", normal(40, 1, 8210))], "sequence", {"scores": "logits", "blank": 0}),
        ([("output0", normal(1, 84, 8400))], "detection", {"layout": "yolo"}),
        ([("output", unit(1, 3549, 6))], "detection", {"layout": "yolox"}),
        ([("boxes", unit(1, 300, 4)), ("scores", unit(1, 300, 80))], "detection", {"layout": "boxes_scores"}),
        ([("y", np.array([[[1, 2, 5, 9, 0.9, 3], [1, 2, 5, 9, 0.5, 0]]], np.float32))], "detection", {"layout": "nms"}),
        ([("y", normal(1, 2, 3, 4, 5))], "other", {}),
        ([("y", np.full((1, 10), np.nan, np.float32))], "other", {}),
        ([("y", np.zeros((0, 6), np.float32))], "other", {}),
    ],
)
def test_a_task_is_guessed_from_the_outputs_and_marked_as_assumed(outputs, kind, fields):
    found = guess_of(*outputs)
    assert found.kind == kind
    assert found.is_assumed
    assert {name: getattr(found, name) for name in fields} == fields


def test_the_blank_of_a_sequence_is_the_class_that_most_frames_choose():
    frames = np.full((1, 20, 11), -5.0, np.float32)
    frames[..., 10] = 5
    assert guess_of(("ctc", frames)).blank == 10
