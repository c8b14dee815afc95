"""Images of others are decoded within bounds, upright, in RGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gradschool.images.bounds import BadImage
from gradschool.images.decode import decoded


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def gradient() -> Image.Image:
    """Dark on the left, light on the right; wider than high."""
    return Image.fromarray(np.tile(np.linspace(0, 250, 40, dtype=np.uint8), (20, 1))).convert("RGB")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_each_format_is_read(kind: str) -> None:
    found = np.asarray(decoded(saved(gradient(), kind)), dtype=int)
    assert found.shape == (20, 40, 3) and np.abs(found - np.asarray(gradient(), dtype=int)).mean() < 6


def test_only_the_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(content).getpixel((4, 4)) == (255, 0, 0)


def test_the_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = decoded(saved(gradient(), "JPEG", exif=exif))
    assert turned.size == (20, 40)
    assert np.asarray(turned)[0].mean() < np.asarray(turned)[-1].mean()


def test_what_is_transparent_shows_white() -> None:
    content = saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")
    assert decoded(content).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_to_their_range() -> None:
    values = np.array([[1000, 2000], [3000, 5000]], dtype=np.uint16)
    found = np.asarray(decoded(saved(Image.fromarray(values), "PNG")))[..., 0]
    assert found.tolist() == [[0, 64], [128, 255]]


def test_numbers_that_are_not_finite_hide_nothing() -> None:
    values = np.array([[1, 2, 3], [np.inf, -np.inf, np.nan]], dtype=np.float32)
    found = np.asarray(decoded(saved(Image.fromarray(values), "TIFF")))[..., 0]
    assert found.tolist() == [[0, 128, 255], [255, 0, 0]]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that describes an image of any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"GIF89a", "is"),
        (b"<svg/>", "is no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is no image"),
        (bomb(60_000, 60_000), "million pixels"),
        (bomb(9_000, 9_000), "9,000 x 9,000 pixels"),
        (bomb(0, 5), "is"),
        (saved(gradient(), "PNG")[:80], "is damaged"),
        (saved(gradient(), "JPEG")[:200], "is"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
    ],
)
def test_what_cannot_be_decoded_says_why(content: bytes, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(BadImage, match=why):
        decoded(content)
