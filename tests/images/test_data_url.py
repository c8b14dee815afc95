"""Images as servers and pages take them."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image as Picture

from gradschool.errors import DataError
from gradschool.images.data_url import content_of, data_url
from gradschool.images.located import located
from gradschool.records import IMAGE, Image, Message


def image(folder: Path) -> Image:
    Picture.new("RGB", (40, 20), "red").save(folder / "a.jpg", quality=95)
    return located("a.jpg", (folder,))


def decoded(url: str) -> Picture.Image:
    start, _, data = url.partition(",")
    assert start == "data:image/png;base64"
    return Picture.open(io.BytesIO(base64.b64decode(data)))


def test_an_image_becomes_a_png_of_bounded_size(tmp_path: Path) -> None:
    assert decoded(data_url(image(tmp_path))).size == (40, 20)
    assert decoded(data_url(image(tmp_path), 10)).size == (10, 5)


def test_a_message_with_images_becomes_parts_in_their_order(tmp_path: Path) -> None:
    one = image(tmp_path)
    parts = content_of(Message("user", f"a {IMAGE} b {IMAGE}", images=(one, one)))
    assert isinstance(parts, list) and [part["type"] for part in parts] == ["text", "image_url", "text", "image_url"]
    assert content_of(Message("user", f"a {IMAGE}")) == f"a {IMAGE}"


def test_an_image_that_is_gone_is_named(tmp_path: Path) -> None:
    one = image(tmp_path)
    Path(one.file).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        data_url(one)
