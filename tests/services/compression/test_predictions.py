"""The classes that an uploaded classifier answers on its samples, taken by the real child of the intake."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from registry.compression.calibration.samples import read_samples
from registry.compression.evaluation.predictions import predict
from registry.compression.inspections import Declared, inspect_model
from registry.compression.model_task import ModelTask, TaskKind
from registry.compression.runtime import open_session
from registry.compression.tensor_specs import TensorSpec
from registry.versions.comparison import compare_predictions
from tests.unit.compression import graphs

DIGITS = Path(__file__).parents[3] / "examples" / "digits"
CLASSIFICATION = ModelTask(kind=TaskKind.CLASSIFICATION, scores="logits")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    """The digits kept for judging, brightened so that the two versions differ, as floats with labels."""
    path = tmp_path_factory.mktemp("samples") / "evaluation.npz"
    held_out = np.load(DIGITS / "heldout.npz")
    images = np.minimum(held_out["images"][:, np.newaxis] / np.float32(8), 1).astype(np.float32)
    np.savez(path, image=images, labels=held_out["labels"])
    return path


def inspect(folder, *, number="1.0.0", task=CLASSIFICATION, **files):
    model = DIGITS / f"digits-{number}.onnx"
    return inspect_model(model, scratch=folder, limits=graphs.LIMITS, declared=Declared(task=task), **files)[0]


def test_two_versions_of_digits_list_the_samples_whose_answer_changed(tmp_path, evaluation):
    before, after = (inspect(tmp_path, number=number, evaluation=evaluation) for number in ("1.0.0", "2.0.0"))
    assert len(before.predictions["classes"]) == 450
    compared = compare_predictions(before.predictions, after.predictions)
    assert (compared.count, compared.changed_count) == (450, len(compared.changed))
    assert 0 < compared.changed_count < 450
    first = compared.changed[0]
    assert (before.predictions["classes"][first.index], after.predictions["classes"][first.index]) == (
        first.before,
        first.after,
    )


def test_calibration_samples_that_are_held_out_are_answered_where_there_are_no_others(tmp_path):
    found = inspect(tmp_path, task=None, calibration=DIGITS / "calibration.npz")
    assert found.task.kind == TaskKind.CLASSIFICATION
    assert len(found.predictions["classes"]) == found.calibration["held_out"]
    labels = np.load(DIGITS / "calibration.npz")["labels"]
    samples = read(DIGITS / "calibration.npz", folder=tmp_path)
    assert (np.array(found.predictions["classes"]) == labels[samples.held_out]).mean() > 0.9


@pytest.mark.parametrize("task", [ModelTask(kind=TaskKind.REGRESSION), ModelTask(kind=TaskKind.EMBEDDING)])
def test_a_model_that_is_no_classifier_has_no_classes(tmp_path, task):
    assert inspect(tmp_path, task=task, calibration=DIGITS / "calibration.npz").predictions is None


def test_without_samples_nothing_is_answered(tmp_path):
    assert inspect(tmp_path).predictions is None


def test_a_model_without_time_answers_nothing(tmp_path):
    samples = read(DIGITS / "calibration.npz", folder=tmp_path)
    assert predict(open_session(DIGITS / "digits-1.0.0.onnx"), samples=samples, cpu_seconds=-1.0) is None


def test_a_slower_model_is_compared_on_the_samples_that_it_answered():
    quick, slow = ({"samples_sha256": "a", "classes": classes} for classes in ([1, 2, 3], [1, 5]))
    compared = compare_predictions(quick, slow)
    assert (compared.count, compared.changed_count) == (2, 1)


def test_other_samples_have_another_name(tmp_path, evaluation):
    first = inspect(tmp_path, evaluation=evaluation).predictions
    second = inspect(tmp_path, calibration=DIGITS / "calibration.npz").predictions
    assert first["samples_sha256"] != second["samples_sha256"]
    assert len(first["samples_sha256"]) == hashlib.sha256().digest_size * 2


def read(path, *, folder):
    image = TensorSpec("image", "float32", ("N", 1, 8, 8))
    return read_samples(path, inputs=[image], folder=folder, limits=graphs.LIMITS)
