"""A score on further examples: rows that the specialist knows are named, and left out unless the user asks for them."""

import json
from pathlib import Path

import pytest

import small_job
from finish import finish
from gradschool.errors import DataError
from gradschool.files import sha256_of
from gradschool.job import Job
from gradschool.model.fake import FakeEngine
from gradschool.package.bundle import pack
from gradschool.package.known import KNOWN_FILE
from gradschool.package.manifest import EVIDENCE, load_manifest, seal
from gradschool.records import Answer, Decoding, Example, Message, RungResult, Scored, Source, Split
from gradschool.rescore import score_specialist
from gradschool.run import Run
from gradschool.settings import Goal, Settings
from gradschool.specialist import Recipe, Specialist

KNOWN = ["what did the glazier leave on our doorstep", "who keeps the second key of the boathouse"]
NEW = ["may visitors feed the two donkeys", "is there a bench on the northern path"]


@pytest.fixture
def specialist(tmp_path: Path) -> Path:
    """A specialist over the fake engine that was trained on one question and tested on another."""
    train, test = (
        [Example(f"e{n}", (Message("user", text), Message("assistant", text)), f"e{n}", Source("f", n))]
        for n, text in enumerate(KNOWN)
    )
    settings = Settings(base_model="fake", goal=Goal(metric="exact_match", pass_mark=0.5))
    run = Run.start(Job("donkeys", tmp_path, settings), tmp_path / "run")
    speaker = Specialist(FakeEngine(), Recipe(decoding=Decoding(max_new_tokens=40)))
    result, row = RungResult("prompt", None), Scored("e1", "e1", KNOWN[1], KNOWN[1], Answer("a"), 1.0)
    split = Split(("e0",), (), ("e1",), "hash")
    place, _ = finish(pack(run, speaker, result, [result], [row], split, test, (train, ())))
    return Path(place)


def written(folder: Path, *questions: str) -> Path:
    path = folder / "more.jsonl"
    rows = [{"prompt": question, "completion": question.lower()} for question in questions]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_known_rows_are_named_and_left_out(specialist: Path, tmp_path: Path) -> None:
    more = written(tmp_path, NEW[0], KNOWN[0], NEW[1], f"Hello, {KNOWN[1]}?")
    report, events = finish(score_specialist(specialist, more, tmp_path / "out.jsonl", None))
    assert report.score.examples == 2 == len((tmp_path / "out.jsonl").read_text().splitlines())
    [note] = [event for event in events if "known to this specialist" in getattr(event, "text", "")]
    assert note.level == "warning" and note.text.startswith("2 of 4 examples are known to this specialist: ")
    assert "1 is in its train part, 1 is in its test part; 1 in nearly the same words or pictures" in note.text
    assert note.text.endswith("The first is more.jsonl:2. They are left out; --with-known scores them too.")


def test_they_are_scored_if_the_user_asks_for_them(specialist: Path, tmp_path: Path) -> None:
    more = written(tmp_path, NEW[0], KNOWN[0])
    report, events = finish(score_specialist(specialist, more, None, None, with_known=True))
    assert report.score.examples == 2
    assert any("this is no test on new questions" in getattr(event, "text", "") for event in events)
    result = small_job.run("score", specialist, more, "--with-known")
    assert result.exit_code == 0 and "1 of 2 examples" in " ".join(result.stderr.split())


def test_if_nothing_is_new_the_score_is_refused(specialist: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="All 2 examples are known") as refused:
        finish(score_specialist(specialist, written(tmp_path, *KNOWN), tmp_path / "out.jsonl", None))
    assert "--with-known" in refused.value.fix and not (tmp_path / "out.jsonl").exists()


def test_new_rows_are_scored_without_a_word(specialist: Path, tmp_path: Path) -> None:
    report, events = finish(score_specialist(specialist, written(tmp_path, *NEW), None, None))
    assert report.score.examples == 2 and not any("known" in getattr(event, "text", "") for event in events)


def test_of_an_earlier_package_it_says_what_cannot_be_recognized(specialist: Path, tmp_path: Path) -> None:
    (specialist / EVIDENCE / KNOWN_FILE).unlink()
    seal(specialist, load_manifest(specialist))
    report, events = finish(score_specialist(specialist, written(tmp_path, NEW[0], *KNOWN), None, None))
    assert report.score.examples == 2
    assert any("training examples cannot be recognized" in getattr(event, "text", "") for event in events)


def test_some_examples_of_each_large_group_count_in_the_verdict(specialist: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    sizes = [26, 19, 15, 10, *[3] * 6, *[1] * 19]
    rows = [
        {"prompt": f"{place} of {group}: {hash_of_place(group, place)}", "completion": "x", "group": f"g{group}"}
        for group, size in enumerate(sizes)
        for place in range(size)
    ]
    more.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report, events = finish(score_specialist(specialist, more, tmp_path / "out.jsonl", None))
    most = report.use.per_group
    assert 1 < most < 26
    assert report.score.groups == len(sizes)
    assert report.score.examples == sum(min(most, size) for size in sizes) < len(rows)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == len(rows)
    [note] = [event.text for event in events if "count in the verdict" in getattr(event, "text", "")]
    assert note.startswith(f"Of each group, at most {most} examples") and f"of {len(rows)}." in note


def hash_of_place(group: int, place: int) -> str:
    """Wording that no other question has."""
    return sha256_of([group, place])
