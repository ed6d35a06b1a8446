import math

import numpy as np
import pytest

from registry.compression.evaluation import gates
from registry.compression.evaluation.parity import Parity, choose_classes, to_decibels

GOOD = {
    "is_finite": True, "agreement": 0.99, "parity_samples": 100, "sqnr_db": 30.0, "accuracy_before": 0.95,
    "accuracy_after": 0.945, "size": 100, "source_size": 380, "latency_p50_ms": 5.0, "source_latency_p50_ms": 10.0,
}  # fmt: skip
BUDGET = {"gate": "quantized", "max_size_bytes": 1000, "latency_budget_ms": 50.0, "is_same_architecture": True}


def judge(*, domains=("",), budget=None, **changes):
    return gates.judge({**GOOD, **changes}, domains=domains, budget=gates.Budget(**{**BUDGET, **(budget or {})}))


def test_a_good_variant_misses_nothing():
    assert judge() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agreement": 0.97}, "97.0% of 100 held-out samples; at least 98%"),
        ({"sqnr_db": 19.9}, "19.9 dB; at least 20 dB"),
        ({"accuracy_after": 0.93}, "accuracy is 93.0%, that of its source 95.0%"),
        ({"size": 1001, "source_size": 9000}, "1001 bytes; the target allows 1000"),
        ({"size": 380}, "not smaller than its source of 380"),
        ({"latency_p50_ms": 51.0, "source_latency_p50_ms": 60.0}, "51.0 ms on one thread; the target allows 50 ms"),
        ({"latency_p50_ms": 12.0}, "slower than its source with 10.00 ms"),
        ({"is_finite": False, "sqnr_db": None}, "NaN or infinite"),
    ],
)
def test_a_missed_gate_says_its_numbers(changes, words):
    missed = judge(**changes)
    assert len(missed) == 1
    assert words in missed[0]


@pytest.mark.parametrize("changes", [{"agreement": 0.98}, {"sqnr_db": 20.0}, {"accuracy_after": 0.94}])
def test_a_value_on_the_bar_passes(changes):
    assert judge(**changes) == []


def test_latency_taken_on_another_architecture_judges_nothing():
    assert judge(latency_p50_ms=500.0, budget={"is_same_architecture": False}) == []


def test_a_model_of_microseconds_is_not_called_slow():
    assert judge(latency_p50_ms=0.09, source_latency_p50_ms=0.03) == []


def test_an_exact_recipe_may_be_larger_but_not_different():
    assert judge(size=381, budget={"gate": "exact"}, sqnr_db=100.0) == []
    assert "at least 60 dB" in judge(budget={"gate": "exact"}, sqnr_db=59.0)[0]


def test_a_model_without_classes_is_judged_by_its_noise_alone():
    assert judge(agreement=None, accuracy_before=None, accuracy_after=None) == []


def test_operators_bound_to_the_builders_memory_layout_are_refused():
    assert "com.microsoft.nchwc" in judge(domains=("", "com.microsoft.nchwc"))[0]


def test_sqnr_is_the_textbook_ratio_of_the_worst_output():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(8, 10)), rng.normal(size=(8, 10))
    parity = Parity()
    for row in range(8):
        outputs = [first[row : row + 1].astype(np.float32), second[row : row + 1].astype(np.float32)]
        parity.add(outputs, [outputs[0] * np.float32(1.01), outputs[1] * np.float32(1.1)])
    assert parity.summarize()["sqnr_db"] == pytest.approx(20.0, abs=0.01)


def test_agreement_and_accuracy_are_counted_over_all_inferences():
    parity = Parity()
    want = np.eye(4, dtype=np.float32)
    got = want[[0, 1, 2, 2]]
    parity.add([want], [got], labels=np.array([0, 1, 2, 0]))
    assert parity.summarize()["agreement"] == 0.75
    assert parity.summarize()["accuracy_before"] == 0.75
    assert parity.summarize()["accuracy_after"] == 0.75


def test_equal_outputs_are_a_finite_number_of_decibels():
    assert to_decibels(1.0, 0.0) == 200.0
    assert math.isfinite(to_decibels(0.0, 1.0))


def test_nan_in_an_output_is_seen():
    parity = Parity()
    parity.add([np.ones((1, 3), np.float32)], [np.full((1, 3), np.nan, np.float32)])
    assert parity.summarize()["is_finite"] is False


@pytest.mark.parametrize(
    ("shape", "decisions"),
    [((2, 5), (2,)), ((2, 5, 7, 7), (2, 7, 7)), ((2, 6, 5), (2, 6)), ((2, 1), None), ((2,), None)],
)
def test_classes_are_looked_for_on_the_axis_where_the_layout_has_them(shape, decisions):
    chosen = choose_classes([np.zeros(shape, np.float32)])
    assert (chosen if chosen is None else chosen.shape) == decisions
