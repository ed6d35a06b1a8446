from hypothesis import given
from hypothesis import strategies as st

from registry.compression.recipes.mixed import search
from registry.compression.recipes.mixed.search import Trial


def trial(left_out, *, sqnr_db=25.0, nodes=10, passes=True):
    return Trial(left_out=left_out, quantized_ratio=1 - left_out / nodes, sqnr_db=sqnr_db, passes=passes)


trials = st.builds(
    Trial,
    left_out=st.integers(0, 50),
    quantized_ratio=st.floats(0, 1),
    sqnr_db=st.floats(-50, 100),
    passes=st.booleans(),
)


@given(count=st.integers(0, 600))
def test_samples_that_choose_give_no_ranges(count):
    for_ranges, choosing = search.split(list(range(count)))
    assert not set(for_ranges) & set(choosing)
    assert len(choosing) <= search.MAX_CHOOSING
    if count >= 2 * search.MIN_EACH:
        assert sorted([*for_ranges, *choosing]) == list(range(count))
        assert min(len(for_ranges), len(choosing)) >= search.MIN_EACH
    else:
        assert not for_ranges
        assert not choosing


@given(nodes=st.integers(1, 200), boundary=st.integers(0, 220))
def test_bisect_finds_the_fewest_nodes_and_measures_few_sets(nodes, boundary):
    measured = []

    def measure(left_out):
        measured.append(left_out)
        return trial(left_out, nodes=nodes, passes=left_out >= boundary)

    found = search.bisect(0, nodes, measure)
    assert found == (boundary if boundary <= nodes else None)
    assert len(measured) <= 11


@given(boundary=st.integers(1, 99), turns=st.integers(2, 9))
def test_bisect_returns_a_set_that_passes_when_its_time_is_over(boundary, turns):
    left = [turns]

    def measure(left_out):
        left[0] -= 1
        return trial(left_out, nodes=100, passes=left_out >= boundary) if left[0] >= 0 else None

    found = search.bisect(0, 100, measure)
    assert found is not None
    assert found >= boundary


def test_nodes_with_much_noise_for_little_work_come_first():
    noise = {"small": 0.1, "large": 0.1, "quiet": 0.001}
    ordered = search.order_by_harm(noise, {"small": 10, "large": 1000, "quiet": 10})
    assert ordered[0] == "small"


@given(found=st.lists(trials, min_size=1, max_size=20))
def test_no_trial_beats_one_of_the_front_in_both_noise_and_speed(found):
    for kept in search.keep_front(found):
        assert not any(other.sqnr_db > kept.sqnr_db and other.quantized_ratio > kept.quantized_ratio for other in found)


@given(found=st.lists(trials, min_size=1, max_size=20))
def test_a_trial_that_passes_is_chosen_where_there_is_one(found):
    chosen = search.choose(found)
    assert chosen.passes == any(each.passes for each in found)


def test_many_decibels_are_worth_a_few_percent_of_the_work():
    quiet, fast = trial(1, sqnr_db=30.0, nodes=20), trial(0, sqnr_db=21.0, nodes=20)
    assert search.choose([fast, quiet]) is quiet
    assert search.choose([trial(10, sqnr_db=22.0, nodes=20), fast]) is fast


def test_the_method_with_the_least_noise_is_chosen():
    assert search.choose_method({"mse": 0.2, "percentile": 0.1, "minmax": 0.3}) == "percentile"


def test_a_node_that_was_not_measured_gets_the_usual_noise_for_its_work():
    assert search.guess_noise({"a": 1.0, "b": 4.0, "c": 9.0}, {"a": 1, "b": 2, "c": 3, "d": 10}) == {"d": 20.0}


def test_further_sets_leave_out_more_and_never_too_much():
    assert search.further_sizes(3, nodes=100, at_most=20) == [8, 13]
