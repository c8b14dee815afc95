"""What a package holds of its examples, and which rows of others it recognizes."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from finish import finish
from gradschool.data.sketches import BYTES
from gradschool.errors import DamagedError
from gradschool.files import write_json
from gradschool.images.likeness import likeness
from gradschool.job import Job
from gradschool.model.fake import FakeEngine
from gradschool.package.bundle import carry, pack
from gradschool.package.known import KNOWN_FILE, has_sketches, known_rows, write_known
from gradschool.package.manifest import EVIDENCE, load_manifest, read_manifest, seal
from gradschool.records import IMAGE, Answer, Decoding, Example, Image, Message, RungResult, Scored, Source, Split
from gradschool.run import Run
from gradschool.settings import Settings
from gradschool.specialist import Recipe, Specialist

PARTS = {
    "train": ("why did the ferryman charge us twice on monday", "a double charge"),
    "validation": ("my brother's boots were delivered to the wrong village", "a wrong address"),
    "test": ("the gate of the upper pasture does not close any more", "a broken gate"),
}


def example(name: str, question: str, answer: str) -> Example:
    return Example(name, (Message("user", question), Message("assistant", answer)), name, Source("more.jsonl", 1))


OWN = {part: [example(part, *texts)] for part, texts in PARTS.items()}


@pytest.fixture
def specialist(tmp_path: Path) -> Path:
    """A packed specialist over the fake engine."""
    run = Run.start(Job("gates", tmp_path, Settings(base_model="fake")), tmp_path / "run")
    speaker = Specialist(FakeEngine(), Recipe(decoding=Decoding(max_new_tokens=40)))
    result, row = RungResult("prompt", None), Scored("test", "test", "q", "a", Answer("a"), 1.0)
    known = (OWN["train"], OWN["validation"])
    split = Split(("train",), ("validation",), ("test",), "hash")
    place, _ = finish(pack(run, speaker, result, [result], [row], split, OWN["test"], known))
    return Path(place)


def found(specialist: Path, *asked: Example) -> list[tuple[str, str, bool]]:
    return [(row.example.id, row.part, row.equal) for row in known_rows(specialist, asked, 0.8)]


def test_rows_of_every_part_are_recognized_also_in_other_words(specialist: Path) -> None:
    asked = []
    for part, (question, answer) in PARTS.items():
        asked += [
            example(f"{part}-same", question.title() + "?", answer),
            example(f"{part}-greeted", f"Hello! {question}. Thank you.", answer),
            example(f"{part}-typo", question.replace("the", "teh", 1), answer),
        ]
    new = example("new", "how often is the well behind the chapel cleaned", "every spring")
    assert found(specialist, *asked, new) == [(one.id, one.id.partition("-")[0], "same" in one.id) for one in asked]


def test_a_question_that_the_test_repeats_is_known_with_its_answer_only(specialist: Path) -> None:
    rows = [example(f"t{n}", "Go on.", f"and then it was the {n}th day") for n in range(3)]
    lines = "".join(json.dumps(_plain(row)) + "\n" for row in rows)
    (specialist / EVIDENCE / "questions.jsonl").write_text(lines)
    asked = [example("known", "go on", "And then it was the 2th day!"), example("new", "Go on.", "but nobody came")]
    assert found(specialist, *asked) == [("known", "test", True)]


def _plain(row: Example) -> dict[str, object]:
    messages = [{"role": message.role, "content": message.content} for message in row.messages]
    return {"id": row.id, "messages": messages, "group": row.group, "source": {"file": "f", "line": 1}}


def test_the_package_holds_no_text_of_train_and_validation_and_travels_with_its_sketches(
    specialist: Path, tmp_path: Path
) -> None:
    read_manifest(specialist)  # every file is hashed
    content = (specialist / EVIDENCE / KNOWN_FILE).read_text()
    assert stat.S_IMODE((specialist / EVIDENCE / KNOWN_FILE).stat().st_mode) == 0o600
    assert "ferryman" not in content and [len(row) for row in json.loads(content)["train"]] == [2 * BYTES]
    finish(carry(specialist, tmp_path / "carried", False))
    assert found(tmp_path / "carried", *OWN["train"]) == [("train", "train", True)]


def test_of_an_earlier_package_only_the_test_is_recognized(specialist: Path) -> None:
    asked = [replace(row, id=f"{row.id}-again") for rows in OWN.values() for row in rows]
    write_json(specialist / EVIDENCE / KNOWN_FILE, {"kind": "of tomorrow", "train": ["00"], "validation": []})
    assert not has_sketches(specialist) and found(specialist, *asked) == [("test-again", "test", True)]
    (specialist / EVIDENCE / KNOWN_FILE).unlink()
    assert not has_sketches(specialist) and found(specialist, *asked) == [("test-again", "test", True)]


@pytest.mark.parametrize("content", ["[", "[]", '{"kind": 3}', "[" * 100_000, "rows"])
def test_sketches_that_cannot_be_read_are_named(specialist: Path, content: str) -> None:
    path = specialist / EVIDENCE / KNOWN_FILE
    if content == "rows":
        write_json(path, json.loads(path.read_text()) | {"train": ["zz"]})
    else:
        path.write_text(content)
    seal(specialist, load_manifest(specialist))
    with pytest.raises(DamagedError, match=KNOWN_FILE):
        known_rows(specialist, OWN["train"], 0.8)


def test_a_picture_of_train_is_known_after_it_was_saved_again(specialist: Path, tmp_path: Path) -> None:
    def shown(name: str, drawn: Pillow.Image) -> Example:
        image = Image(name, likeness(drawn))
        asked = Message("user", IMAGE, images=(image,)), Message("assistant", "a cat")
        return Example(name, asked, name, Source("more.jsonl", 1))

    spots = [np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8) for seed in range(3)]
    one, two, three = [Pillow.fromarray(some).resize((40, 40), Pillow.Resampling.BICUBIC) for some in spots]
    evidence = specialist / EVIDENCE
    write_known(evidence, [shown("one", one)], [shown("two", two)], [])
    again = [
        shown(f"{name} again", drawn.resize((64, 64))) for name, drawn in zip("123", (one, two, three), strict=True)
    ]
    found = known_rows(specialist, again, 0.8)
    assert [(one.example.id, one.part, one.equal) for one in found] == [
        ("1 again", "train", False),
        ("2 again", "validation", False),
    ]
    assert likeness(one) not in (evidence / KNOWN_FILE).read_text()
