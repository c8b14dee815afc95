"""Sketches recognize a picture that was saved again, and are not taken for another."""

import io

import numpy as np
from PIL import Image as Pillow

from gradschool.data.picture_sketches import BYTES, picture_sketches, shown_before, sketches_of_pictures
from gradschool.images.likeness import likeness
from gradschool.records import IMAGE, Example, Image, Message, Source


def picture(seed: int) -> Pillow.Image:
    spots = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Pillow.fromarray(spots).resize((40, 40), Pillow.Resampling.BICUBIC)


def again(drawn: Pillow.Image) -> Pillow.Image:
    buffer = io.BytesIO()
    drawn.resize((64, 64), Pillow.Resampling.BICUBIC).save(buffer, "JPEG", quality=70)
    return Pillow.open(buffer)


def example(name: str, drawn: Pillow.Image, answer: str = "a cat") -> Example:
    image = Image(name, likeness(drawn))
    asked = Message("user", IMAGE, images=(image,)), Message("assistant", answer)
    return Example(name, asked, name, Source("x", 1))


def test_copies_are_recognized_and_others_are_not() -> None:
    known = picture_sketches([example(str(seed), picture(seed)) for seed in range(60)])
    assert known.shape == (60, BYTES)
    copies = [example(f"copy {seed}", again(picture(seed))) for seed in range(60)]
    others = [example(f"other {seed}", picture(seed)) for seed in range(100, 400)]
    assert sum(shown_before(copies, known)) >= 57
    assert not any(shown_before(others, known))


def test_a_picture_with_another_answer_is_not_known() -> None:
    known = picture_sketches([example("a", picture(1))])
    assert shown_before([example("b", picture(1), "a dog"), example("c", picture(1))], known) == [False, True]


def test_sketches_are_read_as_they_were_written() -> None:
    known = picture_sketches([example(str(seed), picture(seed)) for seed in range(3)])
    assert np.array_equal(sketches_of_pictures([row.tobytes().hex() for row in known]), known)


def test_texts_and_pictures_of_one_colour_have_none() -> None:
    plain = Example("t", (Message("user", "?"), Message("assistant", "a cat")), "t", Source("x", 1))
    white = example("w", Pillow.new("RGB", (8, 8), "white"))
    assert picture_sketches([plain, white]).shape == (0, BYTES)
    known = picture_sketches([example("a", picture(1))])
    assert shown_before([plain, white], known) == [False, False]
    assert shown_before([example("a", picture(1))], picture_sketches([])) == [False]
