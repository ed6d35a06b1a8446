"""Make digit images as the cameras of the demo see them: scaling, rotation and noise, as pure functions over NumPy arrays.

An image here is float32 [8, 8] with 0.0 = paper and 1.0 = ink. Randomness always comes from the caller's generator.
"""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]

INK_LEVELS = 16
"""`load_digits` counts the inked pixels of 4x4 blocks, so a stored pixel is a whole number from 0 to 16."""

QUIET_NOISE = 0.02
DRIFT_NOISE = 0.15
DRIFT_DEGREES = (35.0, 90.0)


def from_levels(levels: npt.NDArray[np.uint8]) -> Image:
    """Scale stored ink levels 0..16 to float32 0..1; any shape."""
    return levels.astype(np.float32) / np.float32(INK_LEVELS)


def to_input(image: Image) -> npt.NDArray[np.float32]:
    """Shape one image [8, 8] as the model's input `image`, float32 [1, 1, 8, 8]."""
    return np.ascontiguousarray(image[np.newaxis, np.newaxis], dtype=np.float32)


def rotate(image: Image, degrees: float) -> Image:
    """Turn an image [height, width] counter-clockwise about its center; bilinear, with paper outside the frame."""
    height, width = image.shape
    center_y, center_x = (height - 1) / 2, (width - 1) / 2
    y, x = np.mgrid[0:height, 0:width]
    y, x = y - center_y, x - center_x
    angle = np.deg2rad(degrees)
    # Inverse mapping, so that every output pixel gets a value; the y axis of an image points down.
    source_y = center_y + x * np.sin(angle) + y * np.cos(angle)
    source_x = center_x + x * np.cos(angle) - y * np.sin(angle)
    return _sample(image, source_y, source_x)


def _sample(image: Image, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> Image:
    """Read an image at fractional coordinates, weighing the four pixels around each."""
    # With a margin of two pixels of paper, every neighbor has an index. Coordinates further out are clipped into the margin.
    padded = np.pad(image, 2)
    y = np.clip(y + 2, 0, padded.shape[0] - 2)
    x = np.clip(x + 2, 0, padded.shape[1] - 2)
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    down, right = y - top, x - left
    upper = padded[top, left] * (1 - right) + padded[top, left + 1] * right
    lower = padded[top + 1, left] * (1 - right) + padded[top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, dtype=np.float32)


def add_noise(image: Image, rng: np.random.Generator, *, sigma: float) -> Image:
    """Add Gaussian sensor noise of standard deviation `sigma` and clip to 0..1."""
    noisy = image + rng.normal(0.0, sigma, size=image.shape)
    return np.clip(noisy, 0.0, 1.0).astype(np.float32)


def view_quietly(image: Image, rng: np.random.Generator) -> Image:
    """Show an image through a camera in normal operation: upright, with a little noise."""
    return add_noise(image, rng, sigma=QUIET_NOISE)


def view_drifted(image: Image, rng: np.random.Generator) -> Image:
    """Show an image through a camera that was knocked over and whose sensor is failing."""
    turned = rotate(image, rng.uniform(*DRIFT_DEGREES))
    return add_noise(turned, rng, sigma=DRIFT_NOISE)
