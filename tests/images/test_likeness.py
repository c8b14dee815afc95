"""A picture is recognized after it was resized or saved again, and other pictures are not taken for it."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from gradschool.images.likeness import DIGITS, likeness, same_pictures
from recipes.pocket_eyes.scenes import draw


def soft(seed: int) -> Image.Image:
    spots = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((48, 48), Image.Resampling.BICUBIC)


def again(image: Image.Image, quality: int = 70) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.mark.parametrize("size", [30, 48, 131])
def test_copies_are_found_and_others_are_not(size: int) -> None:
    pictures = [soft(seed) for seed in range(40)]
    copies = [again(one.resize((size, size), Image.Resampling.BILINEAR)) for one in pictures]
    hashes = [likeness(one) for one in (*pictures, *copies)]
    assert same_pictures(hashes) == [(number, number + 40) for number in range(40)]


def test_pictures_that_differ_in_colour_only_are_others() -> None:
    red, blue = (Image.new("RGB", (32, 32), "white") for _ in range(2))
    red.paste((220, 30, 30), (8, 8, 24, 24))
    blue.paste((90, 60, 250), (8, 8, 24, 24))
    assert same_pictures([likeness(red), likeness(blue)]) == []


def test_drawn_scenes_are_rarely_alike() -> None:
    order = random.Random(5)
    scenes = [draw(order) for _ in range(120)]
    pairs = same_pictures([likeness(one.image) for one in scenes])
    # Those that are so have one texture, or one bar chart in two colours.
    assert len(pairs) <= 10 and all(scenes[a].kind == scenes[b].kind for a, b in pairs)


def test_pictures_of_one_colour_are_like_none() -> None:
    black, white = (likeness(Image.new("RGB", (32, 32), color)) for color in ("black", "white"))
    assert same_pictures([black, white]) == []


def test_images_without_a_hash_are_like_none() -> None:
    known = likeness(soft(1))
    assert len(known) == DIGITS
    assert same_pictures(["", known, "", known]) == [(1, 3)]
