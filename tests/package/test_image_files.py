"""The images of a packaged specialist's examples travel with it, and nothing else of their files does."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pillow

from gradschool.errors import DataError
from gradschool.images.data_url import picture_of
from gradschool.package.image_files import in_package, with_copies
from gradschool.records import IMAGE, Example, Image, Message, Source


def picture(color: str = "red") -> bytes:
    buffer = io.BytesIO()
    drawn = Pillow.new("RGB", (12, 8), color)
    drawn.paste("blue", (2, 2, 5, 7))
    drawn.save(buffer, "PNG")
    return buffer.getvalue()


def example(file: Path) -> Example:
    image = Image(hashlib.sha256(file.read_bytes()).hexdigest(), file=str(file))
    asked = Message("user", IMAGE, images=(image,)), Message("assistant", "a cat")
    return Example("1", asked, "1", Source("x", 1))


def test_each_image_is_copied_once_and_found_after_the_package_moved(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    (tmp_path / "package").mkdir()
    packed = with_copies([example(tmp_path / "a.png")] * 2, tmp_path / "package")
    assert len(list((tmp_path / "package" / "images").iterdir())) == 1
    assert str(tmp_path) not in repr([image.file for one in packed for image in one.images])
    (tmp_path / "package").rename(tmp_path / "moved")
    [image, _] = [image for one in in_package(packed, tmp_path / "moved") for image in one.images]
    assert Path(image.file).read_bytes() == picture()


def test_what_a_file_says_besides_its_picture_is_not_packed(tmp_path: Path) -> None:
    notes = Pillow.Exif()
    notes[0x10E], notes[0x112] = "Erna Berg, born 1960", 6  # a description, and the orientation
    Pillow.open(io.BytesIO(picture())).save(tmp_path / "a.jpg", exif=notes, comment=b"Erna Berg")
    one = example(tmp_path / "a.jpg")
    [packed] = in_package(with_copies([one], tmp_path), tmp_path)
    [file] = (tmp_path / "images").iterdir()
    assert b"Erna" not in file.read_bytes()
    before, after = picture_of(one.images[0]), picture_of(packed.images[0])
    assert before.size == after.size == (8, 12) and before.tobytes() == after.tobytes()


def test_the_name_of_an_image_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    one = replace(example(tmp_path / "a.png"), source=Source("scans/Erna Berg/sick/berg-1960.png", 1))
    assert [packed.source.file for packed in with_copies([one], tmp_path)] == ["scans/sick"]
    table = replace(one, source=Source("labels.csv", 7))
    assert [packed.source for packed in with_copies([table], tmp_path)] == [Source("labels.csv", 7)]


def test_an_image_that_changed_since_it_was_read_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    one = example(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(picture("green"))
    with pytest.raises(DataError, match="not the one of this climb"):
        with_copies([one], tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match="not the one of this climb"):
        with_copies([one], tmp_path)


def test_an_image_of_a_package_of_others_is_tried_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(picture("yellow"))
    asked: list[bytes] = []
    monkeypatch.setattr("gradschool.images.tried.tried", asked.append)
    picture_of(example(tmp_path / "a.png").images[0])
    assert asked == [picture("yellow")]


def test_a_package_names_no_image_outside_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    one = example(tmp_path / "a.png")
    [asked, answer] = one.messages
    for named in ("/etc/passwd", "images/../../a.png", "a.png"):
        hostile = replace(asked, images=(replace(asked.images[0], file=named),))
        [found] = in_package([replace(one, messages=(hostile, answer))], tmp_path)
        assert found.images[0].file == ""
