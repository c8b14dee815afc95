"""The images of a packaged specialist's examples travel with it."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from gradschool.errors import DataError
from gradschool.package.image_files import in_package, with_copies
from gradschool.records import IMAGE, Example, Image, Message, Source


def example(file: Path) -> Example:
    image = Image(hashlib.sha256(file.read_bytes()).hexdigest(), file=str(file))
    asked = Message("user", IMAGE, images=(image,)), Message("assistant", "a cat")
    return Example("1", asked, "1", Source("x", 1))


def test_each_image_is_copied_once_and_found_after_the_package_moved(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"bytes")
    (tmp_path / "package").mkdir()
    packed = with_copies([example(tmp_path / "a.png")] * 2, tmp_path / "package")
    assert len(list((tmp_path / "package" / "images").iterdir())) == 1
    assert str(tmp_path) not in repr([image.file for one in packed for image in one.images])
    (tmp_path / "package").rename(tmp_path / "moved")
    [image, _] = [image for one in in_package(packed, tmp_path / "moved") for image in one.images]
    assert Path(image.file).read_bytes() == b"bytes"


def test_an_image_that_changed_since_it_was_read_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"bytes")
    one = example(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(b"other")
    with pytest.raises(DataError, match="not the one of this climb"):
        with_copies([one], tmp_path)
    (tmp_path / "a.png").unlink()
    (tmp_path / "images" / one.images[0].sha256).unlink()
    with pytest.raises(DataError, match="not the one of this climb"):
        with_copies([one], tmp_path)


def test_a_package_names_no_image_outside_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"bytes")
    one = example(tmp_path / "a.png")
    [asked, answer] = one.messages
    for named in ("/etc/passwd", "images/../../a.png", "a.png"):
        hostile = replace(asked, images=(replace(asked.images[0], file=named),))
        [found] = in_package([replace(one, messages=(hostile, answer))], tmp_path)
        assert found.images[0].file == ""
