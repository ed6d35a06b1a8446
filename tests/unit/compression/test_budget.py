import pytest

from registry.compression.budget import ALLOWED_ACCURACY_LOSS, Budget, InvalidBudget, Limit, read

NAMES = {"recipes": ["mixed-int8"], "targets": ["generic-cpu"]}


def test_a_budget_survives_being_kept_as_json():
    body = {"max_accuracy_loss": 0.02, "targets": {"generic-cpu": {"latency_ms": 20, "recipes": ["mixed-int8"]}}}
    budget = read(body, **NAMES)
    assert read(budget.to_json(), **NAMES) == budget


def test_the_number_for_a_target_goes_before_that_for_all_and_both_before_ours():
    body = {"max_size_bytes": 500, "targets": {"generic-cpu": {"max_size_bytes": 400, "max_accuracy_loss": 0}}}
    here, elsewhere = (
        read(body, **NAMES).for_target(name, max_size_bytes=900, latency_ms=50.0)
        for name in ("generic-cpu", "raspberry-pi-5")
    )
    assert here.max_size_bytes == Limit(400.0, "your")
    assert here.max_accuracy_loss == Limit(0.0, "your")
    assert here.latency_ms == Limit(50.0, "the target's")
    assert elsewhere.max_size_bytes == Limit(500.0, "your")
    assert elsewhere.max_accuracy_loss == Limit(0.01, "the preset's")


@pytest.mark.parametrize("preset", list(ALLOWED_ACCURACY_LOSS))
def test_a_preset_carries_an_allowance(preset):
    assert Budget().for_target("generic-cpu", preset=preset).max_accuracy_loss == Limit(
        {"exact": 0.0, "balanced": 0.01, "small": 0.03, "tiny": 0.06}[preset], "the preset's"
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "budget"),
        ({"max_loss": 1}, "budget"),
        ({"max_size_bytes": "10"}, "budget"),
        ({"max_accuracy_loss": 1.5}, "budget.max_accuracy_loss"),
        ({"min_agreement": -0.1}, "budget.min_agreement"),
        ({"max_size_bytes": 0}, "budget.max_size_bytes"),
        ({"latency_ms": -1}, "budget.latency_ms"),
        ({"recipes": ["magic"]}, "budget.recipes"),
        ({"exclude_nodes": ["n"] * 1001}, "budget.exclude_nodes"),
        ({"targets": {"toaster": {}}}, "budget.targets"),
        ({"targets": {"generic-cpu": {"latency_ms": 0}}}, "budget.targets.generic-cpu.latency_ms"),
    ],
)
def test_a_wrong_budget_is_refused_by_its_field(body, field):
    with pytest.raises(InvalidBudget) as refusal:
        read(body, **NAMES)
    assert refusal.value.extra["errors"][0]["field"] == field
