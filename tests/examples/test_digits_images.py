"""What a demo camera does to an image."""

import images
import numpy as np
import pytest


@pytest.fixture
def picture():
    return np.random.default_rng(1).random((8, 8), dtype=np.float32)


def test_full_ink_becomes_one_and_paper_becomes_zero():
    assert images.from_levels(np.array([0, 8, 16], dtype=np.uint8)).tolist() == [0.0, 0.5, 1.0]


def test_a_model_input_has_a_batch_and_a_channel_axis(picture):
    batch = images.to_input(picture)
    assert batch.shape == (1, 1, 8, 8)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous


@pytest.mark.parametrize("degrees", [0, 360, -360])
def test_a_full_turn_changes_nothing(picture, degrees):
    np.testing.assert_allclose(images.rotate(picture, degrees), picture, atol=1e-6)


@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (180, 2), (-90, 3)])
def test_quarter_turns_are_exact_and_counter_clockwise(picture, degrees, quarters):
    np.testing.assert_allclose(images.rotate(picture, degrees), np.rot90(picture, quarters), atol=1e-6)


def test_what_turns_in_from_outside_is_paper():
    turned = images.rotate(np.ones((8, 8), dtype=np.float32), 45)
    assert turned[0, 0] == turned[7, 7] == 0.0
    np.testing.assert_allclose(turned[3:5, 3:5], 1.0, atol=1e-6)


def test_rotation_interpolates_and_never_overshoots(picture):
    turned = images.rotate(picture, 33)
    assert turned.dtype == np.float32
    assert turned.min() >= 0.0
    assert turned.max() <= picture.max() + 1e-6


def test_rotation_works_on_frames_that_are_not_square():
    frame = np.zeros((4, 6), dtype=np.float32)
    frame[1, 0] = 1.0
    turned = images.rotate(frame, 180)
    assert np.unravel_index(turned.argmax(), turned.shape) == (2, 5)


def test_noise_stays_between_paper_and_ink(picture):
    noisy = images.add_noise(picture, np.random.default_rng(2), sigma=2.0)
    assert noisy.dtype == np.float32
    assert noisy.min() == 0.0
    assert noisy.max() == 1.0


def test_noise_has_the_spread_that_was_asked_for():
    gray = np.full((200, 200), 0.5, dtype=np.float32)
    noise = images.add_noise(gray, np.random.default_rng(3), sigma=0.05) - gray
    assert noise.std() == pytest.approx(0.05, rel=0.05)
    assert abs(noise.mean()) < 0.001


@pytest.mark.parametrize("view", [images.view_quietly, images.view_drifted])
def test_the_same_generator_shows_the_same_picture(picture, view):
    first, second = (view(picture, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_drifted_view_is_further_from_the_picture_than_a_quiet_one(picture):
    rng = np.random.default_rng(5)
    quiet = np.abs(images.view_quietly(picture, rng) - picture).mean()
    drifted = np.abs(images.view_drifted(picture, rng) - picture).mean()
    assert quiet < 0.05
    assert drifted > 4 * quiet
