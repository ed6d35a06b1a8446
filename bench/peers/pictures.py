"""Draw pictures with text for the bench: a word on a noisy background. It runs in an environment that has Pillow.

`python bench/peers/pictures.py reader|detector COUNT SEED FILE`; the two parts of the samples come from different seeds.
"""

import random
import string
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LETTERS = string.ascii_letters + string.digits
READER_SIZE = (192, 64)
DETECTOR_SIZE = 416


def draw_word(word: str, *, chance: random.Random) -> Image.Image:
    """Draw one word on a background of 192 × 64 pixels, with lines and noise, turned a little."""
    image = Image.new("RGB", READER_SIZE, tuple(chance.randrange(170, 256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    left = 8
    for letter in word:
        size = chance.randrange(30, 46)
        tile = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(tile).text(
            (10, 4),
            letter,
            font=ImageFont.load_default(size),
            fill=(*(chance.randrange(0, 120) for _ in range(3)), 255),
        )
        tile = tile.rotate(chance.uniform(-20, 20))
        image.paste(tile, (left, chance.randrange(-2, 10)), tile)
        left += chance.randrange(28, 38)
    for _ in range(chance.randrange(0, 5)):
        ends = [(chance.randrange(192), chance.randrange(64)) for _ in range(2)]
        draw.line(ends, fill=tuple(chance.randrange(60, 200) for _ in range(3)), width=chance.randrange(1, 3))
    return image.filter(ImageFilter.GaussianBlur(chance.uniform(0, 0.9)))


def make_reader(count: int, *, chance: random.Random) -> dict[str, np.ndarray]:
    """Return gray pictures (count, 1, 64, 192) in -1 to 1, as the reader of ddddocr takes them."""
    pictures = []
    for _ in range(count):
        word = "".join(chance.choice(LETTERS) for _ in range(chance.randrange(3, 6)))
        gray = np.asarray(draw_word(word, chance=chance).convert("L"), np.float32)
        pictures.append((gray / 255 - 0.5) / 0.5)
    return {"input1": np.stack(pictures)[:, np.newaxis].astype(np.float32)}


def make_detector(count: int, *, chance: random.Random) -> dict[str, np.ndarray]:
    """Return colored pictures (count, 3, 416, 416) in 0 to 255 with some single letters, as the detector of ddddocr takes them."""
    pictures = []
    for _ in range(count):
        width, height = chance.randrange(200, 417), chance.randrange(100, 301)
        image = Image.effect_noise((width, height), chance.uniform(10, 60)).convert("RGB")
        image = Image.blend(
            image, Image.new("RGB", image.size, tuple(chance.randrange(80, 256) for _ in range(3))), 0.7
        )
        for _ in range(chance.randrange(1, 6)):
            size = chance.randrange(24, 60)
            tile = Image.new("RGBA", (72, 72))
            fill = (*(chance.randrange(0, 256) for _ in range(3)), 255)
            ImageDraw.Draw(tile).text((10, 4), chance.choice(LETTERS), font=ImageFont.load_default(size), fill=fill)
            tile = tile.rotate(chance.uniform(-40, 40))
            image.paste(tile, (chance.randrange(width - 60), chance.randrange(max(1, height - 60))), tile)
        ratio = min(DETECTOR_SIZE / width, DETECTOR_SIZE / height)
        fitted = image.resize((int(width * ratio), int(height * ratio)))
        canvas = np.full((DETECTOR_SIZE, DETECTOR_SIZE, 3), 114, np.float32)
        canvas[: fitted.height, : fitted.width] = np.asarray(fitted, np.float32)[:, :, ::-1]
        pictures.append(canvas.transpose(2, 0, 1))
    return {"images": np.stack(pictures)}


if __name__ == "__main__":
    kind, count, seed, path = sys.argv[1:]
    make = {"reader": make_reader, "detector": make_detector}[kind]
    np.savez(path, **make(int(count), chance=random.Random(int(seed))))
