import numpy as np
import pytest

from registry.compression.calibration.guard import check, find_distance
from registry.compression.evaluation.advice import BuiltFact, Facts, advise


def counts(center, *, total=100):
    histogram = np.zeros(20, dtype=int)
    histogram[center] = total
    return histogram.tolist()


def test_alike_sets_pass_without_a_word():
    found = check({"samples": 100, "calibration_confidences": counts(19), "reference_confidences": counts(19)})
    assert found == {"verdict": "ok", "warnings": []}


def test_a_set_on_which_the_model_is_less_sure_is_suspect_with_the_number():
    found = check({"samples": 100, "calibration_confidences": counts(5), "reference_confidences": counts(19)})
    assert found["verdict"] == "suspect"
    assert "a distance of 1.00, where 0.60" in found["warnings"][0]


def test_labels_that_the_model_misses_are_suspect():
    found = check({"samples": 100, "calibration_accuracy": 0.5, "reference_accuracy": 0.95})
    assert found["verdict"] == "suspect"
    assert "50.0% of the calibration samples and on 95.0% elsewhere" in found["warnings"][0]


@pytest.mark.parametrize(("samples", "verdict"), [(15, "few"), (16, "unchecked"), (100, "unchecked")])
def test_what_nobody_could_check_is_said(samples, verdict):
    assert check({"samples": samples})["verdict"] == verdict


def test_too_few_samples_are_not_compared():
    few = {"calibration_confidences": counts(1, total=63), "reference_confidences": counts(19)}
    assert check({"samples": 63, **few})["verdict"] == "unchecked"


def test_the_distance_is_the_largest_gap_of_two_distributions():
    assert find_distance([50, 50, 0], [0, 50, 50]) == 0.5
    assert find_distance([1, 2, 3], [10, 20, 30]) == 0.0


def test_the_advice_names_the_price_of_the_smallest_file():
    built = [
        BuiltFact(title="Static INT8", size=1000, accuracy_lost=0.016),
        BuiltFact(title="mixed precision", size=1030, accuracy_lost=0.002),
    ]
    facts = Facts(built=built, samples=12, samples_needed=100, has_labels=True, has_evaluation=True)
    first, second = advise(facts)
    assert first == "Static INT8 loses 1.6 points; mixed precision loses 0.2 and is 3 % larger."
    assert second.startswith("Needs 100 samples, has 12:")
