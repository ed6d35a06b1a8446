import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.drift.statistics import chi_squared, false_discovery, psi
from analytics.drift.statistics.bins import ClassBins

COUNTS = st.dictionaries(st.integers(-1, 30).map(str), st.integers(1, 10_000), min_size=1, max_size=25)


@pytest.mark.parametrize(
    ("value", "degrees", "probability"),
    [
        (3.841458820694124, 1, 0.05),
        (18.307038053275146, 10, 0.05),
        (23.209251158954356, 10, 0.01),
        (124.34211340400408, 100, 0.05),
    ],
)
def test_the_tail_agrees_with_the_printed_tables(value, degrees, probability):
    assert chi_squared.survival(value, degrees_of_freedom=degrees) == pytest.approx(probability, rel=1e-9)


@given(value=st.floats(0, 5_000), degrees=st.integers(1, 400))
def test_the_tail_is_a_probability_that_falls_with_the_value_and_rises_with_the_degrees(value, degrees):
    here = chi_squared.survival(value, degrees_of_freedom=degrees)
    assert 0 <= here <= 1
    assert chi_squared.survival(value * 1.01 + 0.1, degrees_of_freedom=degrees) <= here + 1e-12
    assert chi_squared.survival(value, degrees_of_freedom=degrees + 2) >= here - 1e-12


def test_the_tail_far_out_is_zero_and_not_an_error():
    assert chi_squared.survival(1e9, degrees_of_freedom=3) == 0
    assert chi_squared.survival(0, degrees_of_freedom=3) == 1


@given(st.lists(st.floats(0, 1), max_size=60))
def test_q_values_keep_the_order_and_lie_between_p_and_one(p_values):
    found = false_discovery.q_values(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, found, strict=True))
    ranked = [q for _, q in sorted(zip(p_values, found, strict=True))]
    assert ranked == sorted(ranked)


@given(COUNTS, COUNTS)
def test_the_plain_index_is_symmetric_and_zero_only_for_equal_shares(current, baseline):
    forward, back = psi.raw(current, baseline=baseline), psi.raw(baseline, baseline=current)
    assert forward >= 0
    assert forward == pytest.approx(back, rel=1e-12)
    assert psi.raw(current, baseline={name: 3 * count for name, count in current.items()}) == pytest.approx(
        0, abs=1e-12
    )


@given(COUNTS, COUNTS)
def test_every_sample_falls_into_one_bin_and_the_bins_depend_on_the_baseline_alone(current, baseline):
    bins = ClassBins.of(baseline)
    assert sum(bins.count(current)) == sum(current.values())
    assert bins.count(baseline) == list(bins.baseline_counts)
    assert len(bins.names) == min(len(baseline), 19) + (len(baseline) > 19) + 1


def test_telemetry_overflow_is_pooled_with_the_rare_classes_or_unseen():
    assert ClassBins.of({"1": 5}).count({"1": 2, "other": 3}) == [2, 3]
    many = ClassBins.of({str(number): 100 - number for number in range(25)})
    assert many.count({"other": 3, "24": 2, "900": 1})[-2:] == [5, 1]


def test_the_correction_takes_off_what_chance_alone_makes():
    scale = psi.sampling_scale(1000, baseline_samples=1000, overdispersion=2.0)
    assert scale == pytest.approx(0.004)
    noise = psi.noise_band(scale, bins=11)
    assert noise == pytest.approx(0.04)
    assert psi.adjusted(0.05, noise=noise) == pytest.approx(0.01)
    assert psi.adjusted(0.03, noise=noise) == 0
    assert psi.p_value(10 * scale, scale=scale, bins=11) == pytest.approx(0.4405, abs=1e-4)


def test_a_missing_share_is_floored_and_the_rest_is_not_renormalized():
    found = psi.raw({"1": 100}, baseline={"1": 50, "2": 50})
    assert found == pytest.approx(0.5 * math.log(2) + (1e-6 - 0.5) * math.log(1e-6 / 0.5))
