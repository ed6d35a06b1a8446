import numpy as np
import onnx
import pytest

from registry.compression.calibration import ranges
from tests.unit.compression import graphs

IMAGES = graphs.quadrant_images(24)[0]


def feeds():
    return ({"image": IMAGES[index : index + 1]} for index in range(len(IMAGES)))


@pytest.fixture(scope="module")
def model():
    return onnx.shape_inference.infer_shapes(graphs.small_cnn())


def test_every_float_tensor_gets_the_range_that_numpy_sees(model):
    found = ranges.collect(model, feeds, method="minmax")
    assert set(found) == {"image", "a", "b", "c", "logits"}
    assert found["image"] == (pytest.approx(IMAGES.min()), pytest.approx(IMAGES.max()))
    assert found["b"] == found["c"]


def test_percentiles_cut_the_tail_and_stay_inside_the_whole_range(model):
    whole = ranges.collect(model, feeds, method="minmax")
    cut = ranges.collect(model, feeds, method="percentile", percentile=99.0)
    assert cut["image"][1] == pytest.approx(np.percentile(IMAGES, 99.0), abs=0.01)
    assert all(whole[name][0] <= low < high <= whole[name][1] + 1e-6 for name, (low, high) in cut.items())


def test_least_error_ignores_one_far_outlier_among_many_values():
    histogram = ranges._Histogram(0.0, 1000.0)
    histogram.add(np.append(np.random.default_rng(0).uniform(0, 250, 1_000_000), 1000.0))
    assert ranges.choose_least_error(histogram)[1] < 500


def test_the_same_samples_always_give_the_same_ranges(model):
    options = {"method": "mse"}
    assert ranges.collect(model, feeds, **options) == ranges.collect(model, feeds, **options)


def test_a_constant_activation_has_a_range_of_no_width(model):
    black = np.zeros((1, 1, 8, 8), np.float32)
    found = ranges.collect(model, lambda: [{"image": black}], method="percentile")
    assert found["image"] == (0.0, 0.0)


def test_an_activation_that_is_not_finite_is_named(model):
    endless = np.full((1, 1, 8, 8), np.inf, np.float32)
    with pytest.raises(ranges.NotFinite, match="not finite"):
        ranges.collect(model, lambda: [{"image": endless}])
