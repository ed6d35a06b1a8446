"""What a build does with calibration samples that the guard suspects, or that nobody could check."""

import msgspec
import pytest

from registry.compression.attempts import Judging, build_attempts
from registry.compression.budget import Budget
from registry.compression.inspections import inspect_model
from registry.compression.targets import get_target
from tests.unit.compression import graphs


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Build for the generic CPU, as if the guard had said this of the samples."""
    folder = tmp_path_factory.mktemp("suspect")
    source = graphs.save(graphs.small_cnn(channels=16), folder / "source.onnx")
    calibration = graphs.save_samples(folder / "c.npz")
    inspection, _ = inspect_model(source, scratch=folder, calibration=calibration, limits=graphs.LIMITS)

    def run(verdict, *, target="generic-cpu", budget=None):
        check = {"verdict": verdict, "warnings": ["They are 0.8 apart."]}
        return build_attempts(
            source,
            get_target(target),
            inspection=msgspec.structs.replace(inspection, calibration_check=check),
            calibration=calibration,
            scratch=folder,
            limits=graphs.LIMITS,
            judging=Judging(budget=budget or Budget()),
        )

    return run


def test_ranges_from_suspect_samples_wait_for_a_person_and_storage_is_offered(build):
    attempts = build("suspect", target="raspberry-pi-5")
    suspect, *_, ready = attempts
    assert (suspect.recipe, suspect.status, suspect.reason) == (
        "mixed-int8",
        "suspect_calibration",
        "They are 0.8 apart.",
    )
    assert suspect.artifact.is_file()
    assert (ready.recipe, ready.status) == ("int8-storage", "ready")
    assert [attempt.recipe for attempt in attempts].count("mixed-int8") == 1


def test_ranges_that_nobody_could_check_come_after_storage(build):
    assert [attempt.recipe for attempt in build("unchecked") if attempt.status == "ready"] == ["int8-storage"]


def test_checked_samples_give_ranges(build):
    assert [attempt.recipe for attempt in build("ok") if attempt.status == "ready"] == ["mixed-int8"]


def test_the_recipes_of_a_person_are_the_only_ones_tried(build):
    attempts = build("ok", budget=Budget(recipes=("fp16-storage", "int8-storage")))
    assert [(attempt.recipe, attempt.status) for attempt in attempts] == [("fp16-storage", "ready")]
