import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.compression.calibration import histograms, ranges
from tests.unit.compression import graphs

IMAGES = graphs.quadrant_images(24)[0]


def feeds():
    return ({"image": IMAGES[index : index + 1]} for index in range(len(IMAGES)))


def collect(model, *, method, percentile=99.99):
    return ranges.collect(model, feeds()).choose(method, percentile=percentile)


@pytest.fixture(scope="module")
def model():
    return onnx.shape_inference.infer_shapes(graphs.small_cnn())


def test_every_float_tensor_gets_the_range_that_numpy_sees(model):
    found = collect(model, method="minmax")
    assert set(found) == {"image", "a", "b", "c", "logits"}
    assert found["image"] == (pytest.approx(IMAGES.min()), pytest.approx(IMAGES.max()))
    assert found["b"] == found["c"]


def test_percentiles_cut_the_tail_and_stay_inside_the_whole_range(model):
    whole = collect(model, method="minmax")
    cut = collect(model, method="percentile", percentile=99.0)
    assert cut["image"][1] == pytest.approx(np.percentile(IMAGES, 99.0), abs=0.01)
    assert all(whole[name][0] <= low < high <= whole[name][1] + 1e-6 for name, (low, high) in cut.items())


def test_least_error_ignores_one_far_outlier_among_many_values():
    histogram = histograms.Histogram()
    histogram.add(np.append(np.random.default_rng(0).uniform(0, 250, 1_000_000), 1000.0).astype(np.float32))
    assert histograms.choose_least_error(histogram)[1] < 500


def test_the_same_samples_always_give_the_same_ranges(model):
    options = {"method": "mse"}
    assert collect(model, **options) == collect(model, **options)


def test_a_constant_activation_has_a_range_of_no_width(model):
    black = np.zeros((1, 1, 8, 8), np.float32)
    found = ranges.collect(model, [{"image": black}]).choose("percentile")
    assert found["image"] == (0.0, 0.0)


def test_an_activation_that_is_not_finite_is_named(model):
    endless = np.full((1, 1, 8, 8), np.inf, np.float32)
    with pytest.raises(ranges.NotFinite, match="not finite"):
        ranges.collect(model, [{"image": endless}]).check_finite()


def test_without_end_a_tensor_has_no_range_and_the_others_have(model):
    endless = np.full((1, 1, 8, 8), np.inf, np.float32)
    found = ranges.collect(model, [{"image": endless}])
    assert "image" not in found.choose("minmax")


def test_one_pass_gives_all_three_ranges_and_reads_each_sample_once(model):
    read = []
    found = ranges.collect(model, (read.append(index) or feed for index, feed in enumerate(feeds())))
    assert read == list(range(24))
    assert found.feeds == 24
    chosen = [found.choose(method)["image"] for method in ("minmax", "percentile", "mse")]
    assert chosen[0][0] <= chosen[1][0] <= chosen[1][1] <= chosen[0][1]


def test_a_symmetric_range_has_zero_in_its_middle(model):
    found = ranges.collect(model, feeds()).choose("minmax", is_symmetric=True)
    assert all(low == -high for low, high in found.values())


def test_a_time_box_ends_calibration_and_the_number_of_feeds_is_known(model):
    found = ranges.collect(model, feeds(), seconds=0.0)
    assert 1 <= found.feeds < 24
    assert set(found.histograms) == {"image", "a", "b", "c", "logits"}


def test_integers_and_empty_tensors_are_passed_over():
    model = graphs.make(
        [
            onnx.helper.make_node("Compress", ["x", "nothing"], ["empty"], axis=1),
            onnx.helper.make_node("ArgMax", ["x"], ["class"], axis=1),
            onnx.helper.make_node("Relu", ["x"], ["y"]),
        ],
        inputs=[graphs.value("x", ["N", 2])],
        outputs=[
            graphs.value("empty", ["N", "K"]),
            graphs.value("class", ["N", 1], onnx.TensorProto.INT64),
            graphs.value("y", ["N", 2]),
        ],
        initializers=[graphs.constant("nothing", np.array([False, False]))],
    )
    found = ranges.collect(model, [{"x": np.ones((1, 2), np.float32)}])
    assert set(found.choose("mse")) == {"x", "y"}


@given(values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200), percentile=st.floats(90, 100))
def test_no_range_is_wider_than_the_values_and_that_of_all_is_exact(values, percentile):
    histogram = histograms.Histogram()
    array = np.array(values, np.float32)
    for part in np.array_split(array, 3):
        histogram.add(part)
    low, high = histogram.whole
    assert (low, high) == (array.min(), array.max())
    for method in ("percentile", "mse"):
        chosen = histograms.METHODS[method](histogram, percentile)
        assert min(low, 0) <= chosen[0] <= chosen[1] <= max(high, 0)
    assert sum(histogram.bins()[2]) == array.size


@given(scale=st.floats(1e-6, 1e6))
def test_a_percentile_follows_the_scale_of_the_values(scale):
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    one, other = histograms.Histogram(), histograms.Histogram()
    one.add(values)
    other.add(values * np.float32(scale))
    wanted = np.array(histograms.choose_percentile(one, percentile=99)) * scale
    assert np.allclose(histograms.choose_percentile(other, percentile=99), wanted, rtol=0.02)


def test_the_percentile_is_that_of_numpy_within_one_bin():
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    histogram = histograms.Histogram()
    histogram.add(values)
    found = histograms.choose_percentile(histogram, percentile=99)
    assert found == pytest.approx(tuple(np.percentile(values, [1, 99])), rel=0.01)
