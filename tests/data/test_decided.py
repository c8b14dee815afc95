"""Decisions in review.jsonl count in a job that was not prepared, as far as they are about what is in the data now."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradschool.data.check import check
from gradschool.data.decided import job_examples
from gradschool.errors import DataError
from gradschool.job import read_job
from gradschool.messages import IMAGE

ASKED = [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "No."}]
CORRECTED = [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "Yes, two days."}]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "job.toml").write_text("")
    rows = [{"id": f"e{n}", "messages": [{**ASKED[0], "content": f"Is {n} late?"}, ASKED[1]]} for n in range(20)]
    rows.append({"id": "mine", "messages": ASKED})
    (tmp_path / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def review(job: Path, *rows: dict[str, Any]) -> None:
    (job / "review.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_dropped_examples_are_left_out_and_edited_ones_replaced(job: Path) -> None:
    review(
        job,
        {"item": "e3", "decision": "drop", "by": "Ada", "at": "2026-01-02"},
        {"item": "mine", "decision": "edit", "messages": CORRECTED, "before": ASKED},
        {"item": "e4", "decision": "keep"},
        {"item": "e5", "decision": ""},
    )
    reading = job_examples(read_job(job))
    found = {example.id: example.ideal for example in check(reading).examples}
    assert "e3" not in found and found["mine"] == "Yes, two days." and len(found) == 20
    assert [str(issue) for issue in reading.issues] == [
        "examples.jsonl:4: decided (dropped): by a decision (Ada, 2026-01-02)"
    ]


def test_a_decision_about_another_text_is_not_applied(job: Path) -> None:
    review(job, {"item": "mine", "decision": "drop", "before": CORRECTED}, {"item": "gone", "decision": "drop"})
    reading = job_examples(read_job(job))
    assert len(reading.examples) == 21
    changed, gone = reading.issues
    assert changed.id == "mine" and "has changed" in changed.text
    assert gone.source.file == "review.jsonl" and "1 decision is about examples that are not in the data" in gone.text


def test_what_a_preparation_has_applied_is_not_applied_again(job: Path) -> None:
    review(job, {"item": "mine", "decision": "drop"})
    (job / "prepared.json").write_text("{}")
    assert len(job_examples(read_job(job)).examples) == 21


@pytest.mark.parametrize("row", [{"item": "mine", "decision": "perhaps"}, {"item": "mine", "decision": "edit"}])
def test_a_wrong_decision_is_an_error_with_its_line(job: Path, row: dict[str, Any]) -> None:
    review(job, row)
    with pytest.raises(DataError, match=r"review\.jsonl:1"):
        job_examples(read_job(job))


def test_an_edit_keeps_the_images_of_the_question(job: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(job / "x.png")
    rows = [{"id": f"p{n}", "image": "x.png", "prompt": f"Which is {n}?", "completion": "none"} for n in range(12)]
    (job / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    [question, _] = job_examples(read_job(job)).examples[0].messages
    edited = [{"role": "user", "content": question.content}, {"role": "assistant", "content": "the left one"}]
    review(job, {"item": "p0", "decision": "edit", "messages": edited})
    first = job_examples(read_job(job)).examples[0]
    assert first.ideal == "the left one" and first.images == question.images != ()
    review(job, {"item": "p0", "decision": "edit", "messages": [{"role": "user", "content": IMAGE * 2}, edited[1]]})
    with pytest.raises(DataError, match="number of images"):
        job_examples(read_job(job))
