"""Images in rows of examples: the forms that people write, and what cannot be used."""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from gradschool.data.check import check
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.read import Reading, read_examples
from gradschool.data.sketches import common_wording, matches, sketches
from gradschool.data.split import freeze_split
from gradschool.errors import DataError
from gradschool.images.likeness import same_pictures
from gradschool.records import IMAGE, Example, Image, Message, Source
from gradschool.settings import Data, Goal, SplitSettings


def picture(seed: int, side: int = 24) -> Pillow.Image:
    """A picture of soft spots that depend on the seed."""
    import numpy as np

    spots = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Pillow.fromarray(spots).resize((side, side), Pillow.Resampling.BICUBIC)


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    picture(seed).save(buffer, "PNG")
    return buffer.getvalue()


def job(tmp_path: Path, rows: list[Any], images: int = 2) -> Path:
    """A folder with images a0.png, a1.png, … and a file of rows."""
    (tmp_path / "pics").mkdir(exist_ok=True)
    for number in range(images):
        (tmp_path / "pics" / f"a{number}.png").write_bytes(png(number))
    file = tmp_path / "examples.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def read_one(tmp_path: Path, row: Any) -> tuple[Message, ...]:
    [example] = read_examples(job(tmp_path, [row]), Data()).examples
    return example.messages


def turns(content: Any, answer: Any = "a cat") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]}


def data_url() -> str:
    return "data:image/png;base64," + base64.b64encode(png()).decode()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "pics/a0.png"}},
        {"type": "image_url", "image_url": "pics/a0.png"},
        {"type": "image_url", "image_url": {"url": data_url()}},
        {"type": "input_image", "image_url": data_url()},
        {"type": "image", "image": "pics/a0.png"},
        {"type": "image", "path": "pics/a0.png"},
        {"type": "image", "source": {"type": "base64", "data": data_url().partition(",")[2]}},
    ],
)
def test_a_part_with_an_image_is_read_in_each_spelling(tmp_path: Path, part: dict[str, Any]) -> None:
    user, answer = read_one(tmp_path, turns([part, {"type": "text", "text": "What is this?"}]))
    assert user.content == f"{IMAGE}What is this?" and answer == Message("assistant", "a cat")
    assert len(user.images) == 1 and Path(user.images[0].file).read_bytes() == png()


@pytest.mark.parametrize(
    "row",
    [
        {"images": ["pics/a0.png"], **turns([{"type": "image"}, {"type": "text", "text": "What?"}])},
        {"images": "pics/a0.png", "prompt": "What?", "completion": "a cat"},
        {"image": {"bytes": data_url().partition(",")[2], "path": None}, "question": "What?", "answer": "a cat"},
        {
            "image": "pics/a0.png",
            "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "a cat"}],
        },
    ],
)
def test_an_images_column_goes_where_the_row_places_it(tmp_path: Path, row: dict[str, Any]) -> None:
    user, _ = read_one(tmp_path, row)
    assert user.content.replace("\n", "") == f"{IMAGE}What?" and len(user.images) == 1


def test_a_table_with_a_path_and_a_label(tmp_path: Path) -> None:
    job(tmp_path, [])
    table = tmp_path / "labels.csv"
    table.write_text("image_path,label\npics/a0.png,cat\npics/a1.png,dog\n")
    reading = read_examples(table, Data())
    assert [one.ideal for one in reading.examples] == ["cat", "dog"]
    assert all(one.messages[0].content == IMAGE and one.images for one in reading.examples)
    assert reading.columns["image_path"] == "image"


def test_a_folder_with_one_sub_folder_for_each_class(tmp_path: Path) -> None:
    for name, seed in (("normal", 1), ("sick", 2)):
        (tmp_path / "x" / name).mkdir(parents=True)
        (tmp_path / "x" / name / "one.png").write_bytes(png(seed))
    (tmp_path / "x" / "sick" / "empty.png").write_bytes(b"")
    reading = read_examples(tmp_path / "x", Data())
    assert {one.ideal: one.messages[0].content for one in reading.examples} == {"normal": IMAGE, "sick": IMAGE}
    assert all("one" not in example.id for example in reading.examples)  # a file may be named after a patient
    [issue] = reading.issues
    assert str(issue.source) == "x/sick/empty.png:1" and "is empty" in issue.text


def bad(tmp_path: Path, row: Any) -> str:
    good = turns([{"type": "image", "image": "pics/a1.png"}, {"type": "text", "text": "And this?"}])
    reading = read_examples(job(tmp_path, [row, good, good | {"id": "2"}]), Data())
    [issue] = [one for one in reading.issues if one.severity == "dropped"]
    assert issue.source.line == 1 and issue.kind == "image"
    return issue.text


def test_what_cannot_be_used_is_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(png()[:150])
    (tmp_path / "text.png").write_text("no image")
    secret = tmp_path.parent / "outside.png"
    secret.write_bytes(png())
    (tmp_path / "link.png").symlink_to(secret)

    def of(name: Any) -> str:
        return bad(tmp_path, turns([{"type": "image", "image": name}]))

    assert "is empty" in of("empty.png")
    assert "is damaged" in of("cut.png")
    assert "is no image" in of("text.png")
    assert of("gone.png").startswith("the image 'gone.png' does not exist")
    assert of({"url": "gone.png"}).startswith("the image 'gone.png' does not exist")
    assert "outside the job's folder" in of("../outside.png")
    assert "outside the job's folder" in of(str(secret))
    assert "outside the job's folder" in of("link.png")
    assert "is on the web" in of("https://example.org/a.png")
    assert "not base64" in of("data:image/png;base64,!!!")
    assert "without an image" in bad(tmp_path, turns([{"type": "image"}, {"type": "text", "text": "What?"}]))
    answer = [{"type": "image", "image": "pics/a0.png"}, {"type": "text", "text": "this"}]
    assert "in an answer" in bad(tmp_path, turns("Draw a cat.", answer))
    two = turns([{"type": "image"}, {"type": "text", "text": "What?"}])
    assert "names 2 images, and has 1 place" in bad(tmp_path, {"images": ["pics/a0.png", "pics/a1.png"], **two})


def test_the_character_of_an_image_in_a_text_of_others_is_none(tmp_path: Path) -> None:
    user, _ = read_one(tmp_path, turns(f"{IMAGE}What?"))
    assert user == Message("user", f"{IMAGE}What?")  # without images, it is a character like any other
    part = {"type": "image", "image": "pics/a0.png"}
    user, _ = read_one(tmp_path, turns([{"type": "text", "text": f"odd {IMAGE} "}, part]))
    assert user.content == f"odd \ufffd {IMAGE}" and len(user.images) == 1


def test_a_column_of_addresses_is_no_column_of_images(tmp_path: Path) -> None:
    row = {"image": "https://example.org/a.jpg", "question": "What is it?", "answer": "a chair"}
    assert read_one(tmp_path, row)[0] == Message("user", "What is it?")


def labelled(tmp_path: Path, count: int) -> Reading:
    rows = [
        {"image": f"pics/a{n}.png", "question": "Cat or dog?", "answer": ("cat", "dog")[n % 2]} for n in range(count)
    ]
    return read_examples(job(tmp_path, rows, count), Data())


def test_the_same_picture_saved_again_stays_on_one_side(tmp_path: Path) -> None:
    reading = labelled(tmp_path, 30)
    buffer = io.BytesIO()
    picture(3).resize((60, 60), Pillow.Resampling.BILINEAR).save(buffer, "JPEG", quality=70)
    (tmp_path / "pics" / "a9.png").write_bytes(buffer.getvalue())
    reading = read_examples(tmp_path / "examples.jsonl", Data())
    checked = check(reading).examples
    assert len(checked) == 30  # the same words with other pictures are no duplicates
    near = near_duplicates(checked, 0.8)
    assert near == [("examples-10", "examples-4")]
    split = freeze_split(checked, SplitSettings(), Goal(), near, 4)
    assert any({"examples-10", "examples-4"} <= set(part) for part in (split.train, split.validation, split.test))


def test_pictures_made_from_a_template_are_told_apart_and_copies_of_them_found(tmp_path: Path) -> None:
    import numpy as np

    reading = labelled(tmp_path, 40)
    outline = np.asarray(picture(99), dtype=float)

    def made(number: int) -> Pillow.Image:
        mixed = 0.6 * outline + 0.4 * np.asarray(picture(number), dtype=float)
        return Pillow.fromarray(mixed.round().astype(np.uint8))

    for number in range(40):
        made(number).save(tmp_path / "pics" / f"a{number}.png")
    buffer = io.BytesIO()
    made(3).resize((60, 60), Pillow.Resampling.BILINEAR).save(buffer, "JPEG", quality=90)
    (tmp_path / "pics" / "a9.png").write_bytes(buffer.getvalue())
    reading = read_examples(tmp_path / "examples.jsonl", Data())
    assert len(same_pictures([one.images[0].likeness for one in reading.examples])) > 100
    assert near_duplicates(reading.examples, 0.8) == [("examples-10", "examples-4")]


def test_a_picture_that_occurs_twice_with_one_answer_is_a_duplicate(tmp_path: Path) -> None:
    rows = [{"image": "pics/a0.png", "question": "Cat or dog?", "answer": "cat"}] * 2
    checked = check(read_examples(job(tmp_path, rows), Data()))
    assert [issue.kind for issue in checked.issues] == ["duplicate"]


def test_questions_in_the_same_words_about_other_pictures_are_not_known() -> None:
    def example(number: int) -> Example:
        image = Image(hashlib.sha256(str(number).encode()).hexdigest())
        answer = Message("assistant", ("normal", "pneumonia")[number % 2])
        return Example(str(number), (Message("user", IMAGE, images=(image,)), answer), str(number), Source("x", number))

    known, asked = [example(n) for n in range(200)], [example(n) for n in range(200, 400)]
    common = common_wording(asked)
    assert not any(matches(asked, sketches(known, common), common))
    again = matches(known, sketches(known, common), common)
    assert all(match and match.equal and match.number == number for number, match in enumerate(again))


def test_more_than_half_unusable_images_are_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "x" / name).mkdir(parents=True)
        (tmp_path / "x" / name / "one.png").write_bytes(b"no")
    with pytest.raises(DataError, match="more than half"):
        read_examples(tmp_path / "x", Data())
