from hypothesis import given
from hypothesis import strategies as st

from fleet.rollouts import cohorts

BUCKETS = st.lists(st.integers(0, cohorts.BUCKETS - 1), max_size=30)
PERCENTS = st.floats(0.01, 100)


def test_a_fifth_of_many_devices_is_in_a_stage_of_twenty_percent():
    buckets = [cohorts.bucket_of(f"dev-{number:04}", salt="r1") for number in range(5_000)]
    share = sum(bucket < cohorts.limit_of(20) for bucket in buckets) / len(buckets)
    assert 0.18 < share < 0.22


def test_a_hundred_percent_is_everybody():
    assert cohorts.limit_of(100) == cohorts.BUCKETS


def test_the_lowest_buckets_fill_a_stage_that_would_be_too_small():
    assert cohorts.choose_limit([9000, 4000, 7000], percent=1, min_devices=2) == 7001


def test_min_devices_beyond_the_fleet_covers_the_fleet():
    assert cohorts.choose_limit([9000, 4000], percent=1, min_devices=5) == 9001


def test_an_empty_fleet_leaves_the_percentage():
    assert cohorts.choose_limit([], percent=5, min_devices=1) == 500


@given(BUCKETS, PERCENTS, PERCENTS, st.integers(0, 10), st.integers(0, 10))
def test_a_later_stage_never_drops_a_device(buckets, low, high, few, many):
    low, high = sorted((low, high))
    before = cohorts.choose_limit(buckets, percent=low, min_devices=few)
    after = cohorts.choose_limit(buckets, percent=high, min_devices=many, floor=before)
    assert before <= after <= cohorts.BUCKETS


@given(BUCKETS, PERCENTS, st.integers(0, 10))
def test_a_stage_covers_at_least_its_least_number_of_devices(buckets, percent, wanted):
    limit = cohorts.choose_limit(buckets, percent=percent, min_devices=wanted)
    assert sum(bucket < limit for bucket in buckets) >= min(wanted, len(buckets))
