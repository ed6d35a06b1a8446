import pytest

from registry.compression.budget import Limit, VariantLimits
from registry.compression.evaluation import gates
from registry.compression.evaluation.gates.file import Conditions
from registry.compression.model_task import ModelTask, TaskKind

CLASSES = ModelTask(kind=TaskKind.CLASSIFICATION)
GOOD = {
    "is_finite": True, "agreement": 0.99, "parity_samples": 100, "parity_on": "held_out", "sqnr_db": 30.0,
    "metric": {"name": "agreement", "value": 0.99, "wanted": 0.97}, "accuracy_before": 0.95, "accuracy_after": 0.945,
    "confident_agreement": 1.0, "confident_decisions": 90, "mean_total_variation": 0.01,
    "size": 100, "source_size": 380, "latency_p50_ms": 9.0, "source_latency_p50_ms": 10.0, "speed_ratio": 1.11,
    "has_int8_dot_product": True,
}  # fmt: skip
LIMITS = {"max_size_bytes": Limit(1000, "the target's"), "latency_ms": Limit(50.0, "the target's")}
CONDITIONS = {"gate": "quantized", "has_comparable_latency": True, "sets_activation_ranges": True}


def judge(*, task=CLASSES, limits=None, conditions=None, **changes):
    return gates.judge_variant(
        {**GOOD, **changes},
        task=task,
        limits=VariantLimits(**{**LIMITS, **(limits or {})}),
        conditions=Conditions(**{**CONDITIONS, **(conditions or {})}),
    )


def metric(name, value):
    return {"name": name, "value": value, "wanted": 0}


def test_a_good_variant_misses_nothing():
    assert judge() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agreement": 0.96}, "96.0% of 100 held-out samples; at least 97% is wanted."),
        ({"confident_agreement": 0.98}, "98.0% of the 90 decisions of which its source is sure; at least 99%"),
        ({"mean_total_variation": 0.06}, "0.060 on average; at most 0.05"),
        ({"sqnr_db": 9.9}, "9.9 dB; at least 10 dB"),
        ({"accuracy_after": 0.93}, "93.0%, that of its source 95.0%; at most 1% may be lost (the preset's limit)"),
        ({"size": 1001, "source_size": 9000}, "1001 bytes; at most 1000 are allowed (the target's limit)"),
        ({"size": 380}, "not smaller than its source of 380"),
        ({"latency_p50_ms": 51.0}, "51.0 ms on one thread; at most 50 ms are allowed (the target's limit)"),
        ({"latency_p50_ms": 12.0, "speed_ratio": 0.9}, "slower than its source with 10.00 ms"),
        ({"speed_ratio": 1.05}, "at least 1.1 times faster"),
        ({"is_finite": False, "sqnr_db": None}, "NaN or infinite on a sample where those of its source are finite"),
        ({"shape_mismatches": 2}, "other shapes than those of its source in 2 inferences"),
    ],
)
def test_a_missed_gate_says_its_numbers(changes, words):
    missed = judge(**changes)
    assert len(missed) == 1
    assert words in missed[0]


@pytest.mark.parametrize(
    "changes", [{"agreement": 0.97}, {"sqnr_db": 10.0}, {"accuracy_after": 0.94}, {"speed_ratio": 1.1}]
)
def test_a_value_on_the_bar_passes(changes):
    assert judge(**changes) == []


@pytest.mark.parametrize(
    ("kind", "bad", "good", "words"),
    [
        ("multilabel", {"metric": metric("label_f1", 0.96)}, {"metric": metric("label_f1", 0.97)}, "F1 0.960"),
        ("segmentation", {"metric": metric("soft_iou", 0.979)}, {"metric": metric("soft_iou", 0.98)}, "by 0.979"),
        ("segmentation", {"worst_soft_iou": 0.89}, {"worst_soft_iou": 0.9}, "worst sample"),
        ("sequence", {"error_rate": 0.011}, {"error_rate": 0.01}, "1.1% of the symbols"),
        ("sequence", {"confident_agreement": 0.994}, {"confident_agreement": 0.995}, "at least 99.5%"),
        ("detection", {"metric": metric("box_f1", 0.979)}, {"metric": metric("box_f1", 0.98)}, "F1 0.979 at IoU 0.7"),
        ("embedding", {"cosine": 0.989}, {"cosine": 0.99}, "mean cosine of 0.9890"),
        ("embedding", {"agreement": 0.96}, {"agreement": 0.97}, "96.0% of its vectors"),
        (
            "regression",
            {"metric": metric("relative_error", 0.011)},
            {"metric": metric("relative_error", 0.01)},
            "1.10%",
        ),
        ("other", {"sqnr_db": 19.9}, {"sqnr_db": 20.0}, "19.9 dB; at least 20 dB"),
    ],
)
def test_each_task_has_a_gate_of_its_own(kind, bad, good, words):
    task = ModelTask(kind=TaskKind(kind))
    (missed,) = judge(task=task, **bad)
    assert words in missed
    assert judge(task=task, **good) == []


@pytest.mark.parametrize("kind", set(TaskKind) - {TaskKind.CLASSIFICATION, TaskKind.MULTILABEL, TaskKind.OTHER})
def test_noise_decides_nothing_where_the_task_has_a_metric(kind):
    numbers = {"sqnr_db": 5.0, "metric": metric("any", 0.0 if kind == TaskKind.REGRESSION else 1.0)}
    assert judge(task=ModelTask(kind=kind), **numbers) == []


@pytest.mark.parametrize("kind", list(TaskKind))
@pytest.mark.parametrize("unknown", [{"metric": None}, {"parity_on": "random"}])
def test_noise_decides_where_the_metric_is_missing_or_was_taken_on_random_inputs(kind, unknown):
    (missed,) = judge(task=ModelTask(kind=kind), sqnr_db=19.0, **unknown)
    assert "19.0 dB; at least 20 dB" in missed


def test_a_persons_numbers_go_before_ours_and_the_sentence_says_so():
    strict = {"min_agreement": Limit(0.995, "your"), "max_accuracy_loss": Limit(0.0, "your")}
    accuracy, agreement = judge(limits=strict)
    assert agreement.endswith("at least 99.5% is wanted (your limit).")
    assert accuracy.endswith("nothing may be lost (your limit).")
    lax = {"min_agreement": Limit(0.5, "your"), "max_accuracy_loss": Limit(0.5, "your")}
    assert judge(limits=lax, agreement=0.6, accuracy_after=0.6) == []


def test_a_latency_that_means_nothing_on_the_target_judges_nothing():
    slow = {"latency_p50_ms": 500.0, "speed_ratio": 0.1}
    assert judge(**slow, conditions={"has_comparable_latency": False}) == []
    assert judge(**slow, has_int8_dot_product=False) == []


def test_speed_is_asked_of_quantized_activations_alone():
    assert judge(speed_ratio=1.0, conditions={"sets_activation_ranges": False}) == []
    assert "slower" in judge(speed_ratio=0.94, conditions={"sets_activation_ranges": False})[0]


def test_a_model_of_microseconds_is_not_called_slow():
    assert judge(latency_p50_ms=0.09, source_latency_p50_ms=0.03, speed_ratio=0.3) == []


def test_an_exact_recipe_may_be_larger_but_not_different():
    exact = {"gate": "exact", "sets_activation_ranges": False}
    assert judge(size=381, conditions=exact, sqnr_db=100.0) == []
    assert "at least 60 dB" in judge(conditions=exact, sqnr_db=59.0)[0]


def test_only_a_detector_with_ready_boxes_may_give_another_number_of_them():
    task = ModelTask(kind=TaskKind.DETECTION, layout="nms")
    assert judge(task=task, shape_mismatches=3, metric=metric("box_f1", 0.99)) == []


def test_operators_bound_to_the_builders_memory_layout_are_refused():
    assert "com.microsoft.nchwc" in judge(conditions={"domains": ["", "com.microsoft.nchwc"]})[0]
