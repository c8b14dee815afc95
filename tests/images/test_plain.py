"""A file of an image is left with its picture alone, which does not change."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from gradschool.images.bounds import BadImage
from gradschool.images.decode import decoded
from gradschool.images.plain import without_metadata

NAME = b"Erna Berg"


def picture() -> Image.Image:
    spots = np.random.default_rng(0).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((90, 70), Image.Resampling.BICUBIC)


def saved(kind: str, image: Image.Image | None = None, **how: Any) -> bytes:
    buffer = io.BytesIO()
    (image or picture()).save(buffer, kind, **how)
    return buffer.getvalue()


def notes(turned: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x10E], exif[0x112] = NAME.decode(), turned
    return exif


def text() -> PngImagePlugin.PngInfo:
    written = PngImagePlugin.PngInfo()
    written.add_text("Author", NAME.decode())
    return written


SECRET = {
    "EXIF in JPEG": saved("JPEG", exif=notes()),
    "EXIF of a turned JPEG": saved("JPEG", exif=notes(6)),
    "comment in JPEG": saved("JPEG", comment=NAME),
    "colour profile in JPEG": saved("JPEG", icc_profile=bytes(128) + NAME),
    "progressive JPEG": saved("JPEG", progressive=True, exif=notes()),
    "JPEG with restarts": saved("JPEG", picture().resize((300, 300)), restart_marker_rows=1, comment=NAME),
    "JPEG in CMYK": saved("JPEG", picture().convert("CMYK"), exif=notes()),
    "after the end of a JPEG": saved("JPEG") + NAME,
    "text in PNG": saved("PNG", pnginfo=text()),
    "EXIF of a turned PNG": saved("PNG", exif=notes(6)),
    "after the end of a PNG": saved("PNG") + NAME,
    "EXIF in WebP": saved("WEBP", exif=notes()),
    "description in TIFF": saved("TIFF", description=NAME.decode()),
    "comment in GIF": saved("GIF", comment=NAME),
}


@pytest.mark.parametrize("what", SECRET)
def test_nothing_but_the_picture_is_left(what: str) -> None:
    content = SECRET[what]
    assert NAME in content
    left = without_metadata(content)
    assert NAME not in left
    before, after = decoded(content), decoded(left)
    assert before.size == after.size and before.tobytes() == after.tobytes()
    assert (left[:2] == content[:2]) == (b"JPEG" in what.encode() or "PNG" in what)  # photographs stay small
    assert without_metadata(left) == left


def test_further_frames_are_not_kept() -> None:
    others = [Image.new("RGB", (90, 70), "red")] * 3
    content = saved("PNG", save_all=True, append_images=others)
    assert len(without_metadata(content)) < len(content)
    assert not getattr(Image.open(io.BytesIO(without_metadata(content))), "is_animated", False)


@pytest.mark.parametrize("content", [saved("PNG"), saved("JPEG"), saved("PNG", picture().convert("P"), transparency=3)])
def test_a_file_with_nothing_else_is_left_as_it_is(content: bytes) -> None:
    assert without_metadata(content) == content


def test_a_picture_says_nothing_of_its_file() -> None:
    assert decoded(SECRET["colour profile in JPEG"]).info == {}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_900), st.integers(0, 255))
def test_a_damaged_file_is_refused_or_keeps_its_picture(at: int, byte: int) -> None:
    content = bytearray(SECRET["EXIF of a turned JPEG"])
    content[at % len(content)] = byte
    try:
        before = decoded(bytes(content))
    except BadImage:
        return
    assert decoded(without_metadata(bytes(content))).tobytes() == before.tobytes()
