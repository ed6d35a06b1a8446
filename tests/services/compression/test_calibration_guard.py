"""The calibration guard through the real child: digits, with samples that are prepared well and badly."""

from pathlib import Path

import numpy as np
import pytest

from registry.compression.child_tasks.messages import Inspection
from registry.compression.inspections import Declared, inspect_model
from registry.compression.model_task import ModelTask, TaskKind
from tests.unit.compression import graphs

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"
MODEL = DIGITS / "digits-2.0.0.onnx"


def read(name):
    with np.load(DIGITS / name) as found:
        return dict(found)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    held_out, path = read("heldout.npz"), tmp_path_factory.mktemp("evaluation") / "e.npz"
    images = (held_out["images"] / 16).astype(np.float32)[:, None]
    np.savez(path, image=images, labels=held_out["labels"])
    return path


def inspect(folder, *, change=lambda images: images, count=None, evaluation=None, labels=False, **declared):
    samples = read("calibration.npz")
    kept = {"image": np.asarray(change(samples["image"])[:count], np.float32)}
    if labels:
        kept["labels"] = samples["labels"][:count]
    np.savez(folder / "c.npz", **kept)
    inspection, _ = inspect_model(
        MODEL,
        scratch=folder,
        calibration=folder / "c.npz",
        evaluation=evaluation,
        declared=Declared(**declared),
        limits=graphs.LIMITS,
    )
    return inspection


def dim(images):
    return images * 0.2


def test_images_dimmed_to_a_fifth_are_suspect_beside_evaluation_samples(tmp_path, evaluation):
    inspection = inspect(tmp_path, change=dim, evaluation=evaluation)
    assert inspection.calibration_check["verdict"] == "suspect"
    assert "unlike that on the evaluation samples: a distance of 0.9" in inspection.calibration_check["warnings"][0]
    assert inspection.calibration_check["warnings"][0] in inspection.warnings


def test_images_dimmed_to_a_fifth_are_suspect_beside_a_baseline(tmp_path):
    baseline = [0] * 19 + [3000]
    inspection = inspect(tmp_path, change=dim, baseline=baseline)
    assert inspection.calibration_check["verdict"] == "suspect"
    assert "unlike that on the baseline" in inspection.calibration_check["warnings"][0]


@pytest.mark.parametrize("labels", [True, False])
def test_images_like_those_of_the_evaluation_are_accepted_without_a_word(tmp_path, evaluation, labels):
    inspection = inspect(tmp_path, evaluation=evaluation, labels=labels)
    assert inspection.calibration_check == {"verdict": "ok", "warnings": []}
    assert inspection.warnings == []


def test_a_few_samples_are_told_apart_from_many(tmp_path, evaluation):
    inspection = inspect(tmp_path, count=12, evaluation=evaluation)
    assert inspection.calibration_check["verdict"] == "few"
    assert "There are 12 calibration samples" in inspection.warnings[0]


def test_samples_with_nothing_to_compare_are_unchecked(tmp_path):
    inspection = inspect(tmp_path)
    assert inspection.calibration_check["verdict"] == "unchecked"
    assert "Nobody could check" in inspection.warnings[-1]


def test_without_calibration_samples_there_is_no_check(tmp_path):
    inspection, _ = inspect_model(MODEL, scratch=tmp_path, limits=graphs.LIMITS)
    assert inspection.calibration_check is None


def test_the_task_is_guessed_where_nobody_said_it(tmp_path):
    guessed = inspect(tmp_path).task
    assert (guessed.kind, guessed.is_assumed) == (TaskKind.CLASSIFICATION, True)
    said = ModelTask(kind=TaskKind.EMBEDDING)
    assert inspect(tmp_path, task=said).task == said


def test_an_inspection_that_an_earlier_release_stored_is_read(tmp_path):
    body = inspect(tmp_path).to_json()
    del body["calibration_check"]
    assert Inspection.from_json(body).calibration_check is None
