import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from registry.compression.calibration.samples import read_samples, split_feeds
from registry.compression.refusal import ModelRefused
from registry.compression.tensor_specs import TensorSpec
from tests.unit.compression import graphs

INPUTS = [TensorSpec("image", "float32", ("N", 1, 8, 8))]


def read(path, *, inputs=INPUTS, **limits):
    folder = path.parent / "unpacked"
    folder.mkdir(exist_ok=True)
    return read_samples(path, inputs=inputs, folder=folder, limits=replace(graphs.LIMITS, **limits))


def refusal_of(path, **options):
    with pytest.raises(ModelRefused) as caught:
        read(path, **options)
    return caught.value


@pytest.fixture
def npz(tmp_path):
    def save(**arrays):
        np.savez_compressed(tmp_path / "c.npz", **arrays)
        return tmp_path / "c.npz"

    return save


def test_samples_and_labels_are_read_in_step(npz):
    images, labels = graphs.quadrant_images(20)
    samples = read(npz(image=images, labels=labels))
    assert samples.count == 20
    assert np.array_equal(samples.feed(7)["image"], images[7:8])
    assert samples.feed_labels(7).tolist() == [labels[7]]


def test_a_fifth_or_more_is_kept_out_of_calibration_and_nothing_is_in_both():
    for count in (2, 3, 10, 64, 500, 5000):
        for_ranges, held_out = split_feeds(count)
        assert sorted(for_ranges + held_out) == list(range(count))
        assert len(held_out) >= 0.2 * count
        assert for_ranges


def test_the_split_is_the_same_each_time():
    assert split_feeds(100) == split_feeds(100)


def test_a_model_of_fixed_batch_is_fed_whole_batches(npz):
    inputs = [TensorSpec("image", "float32", (4, 1, 8, 8))]
    samples = read(npz(image=graphs.quadrant_images(18)[0]), inputs=inputs)
    assert len(samples.for_ranges) + len(samples.held_out) == 4
    assert samples.feed(3)["image"].shape == (4, 1, 8, 8)


IMAGES = graphs.quadrant_images(8)[0]


@pytest.mark.parametrize(
    ("arrays", "reason", "words"),
    [
        ({"pictures": IMAGES}, "calibration_missing_input", 'no array "image"'),
        ({"image": IMAGES, "mask": IMAGES}, "calibration_unknown_input", '"mask"'),
        ({"image": IMAGES.astype(np.float64)}, "calibration_dtype", "is float64; the model wants float32"),
        ({"image": IMAGES[:, 0]}, "calibration_shape", "(samples, 1, 8, 8)"),
        ({"image": IMAGES[:, :, :4]}, "calibration_shape", "(8, 1, 4, 8)"),
        ({"image": IMAGES, "labels": np.arange(7)}, "calibration_labels", "8 integers"),
        ({"image": IMAGES, "labels": np.zeros(8)}, "calibration_labels", "float64"),
        ({"image": np.where(IMAGES > 1, np.nan, IMAGES)}, "calibration_not_finite", "NaN"),
        ({"image": np.where(IMAGES > 1, np.inf, IMAGES)}, "calibration_not_finite", "infinity"),
        ({"image": IMAGES[:1]}, "calibration_too_few", "two"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_with_both_sides_named(npz, arrays, reason, words):
    refusal = refusal_of(npz(**{name: array.astype(array.dtype) for name, array in arrays.items()}))
    assert refusal.reason == reason
    assert words in refusal.detail


def test_arrays_of_python_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "c.npz", image=np.array([{"a": 1}], dtype=object))
    assert refusal_of(tmp_path / "c.npz").reason == "calibration_objects"


def test_an_archive_that_unpacks_to_too_much_is_refused_by_its_declared_size(npz):
    path = npz(image=np.zeros((4000, 1, 8, 8), np.float32))
    assert path.stat().st_size < 10_000
    assert refusal_of(path, calibration_bytes=100_000).reason == "calibration_too_large"


def test_a_header_that_promises_more_than_the_file_has_is_refused_before_anything_is_allocated(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 1, 8, 8)})
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("image.npy", buffer.getvalue())
    assert refusal_of(tmp_path / "c.npz").reason == "calibration_archive"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no more", b"plain text"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "c.npz").write_bytes(content)
    assert refusal_of(tmp_path / "c.npz").reason == "calibration_archive"


def test_a_damaged_member_is_refused(npz):
    path = npz(image=np.random.default_rng(0).normal(size=(50, 1, 8, 8)).astype(np.float32))
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF
    path.write_bytes(data)
    assert refusal_of(path).reason == "calibration_archive"


STATEFUL = [
    TensorSpec("audio", "float32", ("batch", "length")),
    TensorSpec("state", "float32", (2, "batch", 3)),
    TensorSpec("rate", "int64", ()),
]


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("rate", [np.full(6, 16000), np.array(16000)])
def test_a_model_with_state_and_a_scalar_takes_samples_with_or_without_their_axis(npz, is_whole, rate):
    audio, state = np.random.default_rng(0).normal(size=(6, 10)), np.random.default_rng(1).normal(size=(6, 2, 3))
    arrays = {"audio": audio[:, None] if is_whole else audio, "state": state[:, :, None] if is_whole else state}
    samples = read(
        npz(rate=rate, **{name: array.astype(np.float32) for name, array in arrays.items()}), inputs=STATEFUL
    )
    feed = samples.feed(4)
    assert {name: array.shape for name, array in feed.items()} == {"audio": (1, 10), "state": (2, 1, 3), "rate": ()}
    assert np.array_equal(feed["state"][:, 0], state[4].astype(np.float32))
    assert feed["rate"] == 16000
    assert samples.count == 6


def test_inputs_of_different_first_extents_are_fed_one_sample_at_a_time(npz):
    inputs = [TensorSpec("audio", "float32", (1, 5)), TensorSpec("state", "float32", (2, 1, 3))]
    samples = read(npz(audio=np.ones((4, 5), np.float32), state=np.ones((4, 2, 1, 3), np.float32)), inputs=inputs)
    assert {name: array.shape for name, array in samples.feed(0).items()} == {"audio": (1, 5), "state": (2, 1, 3)}


def test_a_sample_without_elements_is_refused(npz):
    inputs = [TensorSpec("boxes", "float32", ("N", "count", 4))]
    assert refusal_of(npz(boxes=np.ones((4, 0, 4), np.float32)), inputs=inputs).reason == "calibration_shape"


def test_samples_for_evaluation_are_all_held_out_and_refusals_name_their_file(npz):
    images, labels = graphs.quadrant_images(3)
    path = npz(image=images, labels=labels)
    samples = read_samples(path, inputs=INPUTS, folder=path.parent, limits=graphs.LIMITS, role="evaluation")
    assert (list(samples.for_ranges), list(samples.held_out)) == ([], [0, 1, 2])
    with pytest.raises(ModelRefused) as caught:
        read_samples(npz(pictures=images), inputs=INPUTS, folder=path.parent, limits=graphs.LIMITS, role="evaluation")
    assert caught.value.reason == "evaluation_missing_input"
    assert caught.value.detail.startswith('The evaluation file has no array "image"')
