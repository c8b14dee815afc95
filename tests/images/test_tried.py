"""Images of others are tried in a child process, within limits."""

import io

import numpy as np
import pytest
from PIL import Image

from gradschool.bounded import Limits
from gradschool.images.bounds import BadImage
from gradschool.images.likeness import likeness
from gradschool.images.tried import tried


def noise(side: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def test_a_good_image_has_the_likeness_that_it_has_here() -> None:
    content = noise(24)
    assert tried(content) == likeness(Image.open(io.BytesIO(content)))


def test_a_bad_one_says_why_and_the_next_one_is_read() -> None:
    with pytest.raises(BadImage, match="is damaged"):
        tried(noise(24)[:200])
    with pytest.raises(BadImage, match="is empty"):
        tried(b"")
    assert tried(noise(8))


def test_one_that_takes_too_much_memory_is_refused() -> None:
    with pytest.raises(BadImage, match="memory"):
        tried(noise(3_000), Limits(memory=20_000_000))
