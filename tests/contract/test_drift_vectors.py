"""The drift statistics on golden vectors that the agent's own implementation has to reproduce too."""

import json
from pathlib import Path

import pytest

from analytics.drift.statistics import chi_squared, comparison, false_discovery, psi
from analytics.drift.statistics.bins import ClassBins

VECTORS = json.loads((Path(__file__).parent / "vectors" / "drift.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["comparisons"], ids=lambda vector: vector["name"])
def test_comparisons(vector):
    bins = ClassBins.of(vector["baseline"])
    assert list(bins.names) == vector["bins"]
    assert bins.count(vector["current"]) == vector["current_counts"]
    assert list(bins.baseline_counts) == vector["baseline_counts"]
    smoothed = psi.smoothed(vector["current_counts"], baseline=vector["baseline_counts"])
    assert smoothed == pytest.approx(vector["psi_smoothed"], rel=1e-12, abs=1e-15)
    found = comparison.compare(
        vector["current"],
        reference=comparison.Reference.of(vector["baseline"]),
        overdispersion=vector["overdispersion"],
    )
    for name in ("psi_raw", "psi_adjusted", "noise_band"):
        assert getattr(found, name) == pytest.approx(vector[name], rel=1e-12, abs=1e-14)
    assert found.p_value == pytest.approx(vector["p_value"], rel=1e-9)


@pytest.mark.parametrize(
    "vector", VECTORS["chi_squared"], ids=lambda row: f"{row['value']:g}/{row['degrees_of_freedom']}"
)
def test_chi_squared_survival(vector):
    found = chi_squared.survival(vector["value"], degrees_of_freedom=vector["degrees_of_freedom"])
    assert found == pytest.approx(vector["survival"], rel=1e-11)


@pytest.mark.parametrize("vector", VECTORS["false_discovery"], ids=lambda vector: f"{len(vector['p_values'])} p values")
def test_false_discovery(vector):
    assert false_discovery.q_values(vector["p_values"]) == pytest.approx(vector["q_values"], rel=1e-12)
