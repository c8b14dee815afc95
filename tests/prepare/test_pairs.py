"""Rows with inputs and outputs: all right answers are kept, and bad answers never become examples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradschool.data.read import read_examples
from gradschool.settings import Data

Run = Callable[..., tuple[Any, list[Any]]]
Rows = Callable[[str], list[dict[str, Any]]]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize(
    "answer",
    [
        {"answers": ["the Oder", "Oder", "Odra"]},
        {"answer": {"value": "the Oder", "aliases": ["Oder", "Odra"]}},
        {"completion": ["the Oder", "Oder", "Odra"]},
        {"answer": "the Oder", "other_answers": ["Oder", "Odra", "the Oder", " "]},
        {"answer": ["the Oder", "Oder"], "other_answers": "Odra"},
    ],
)
def test_all_right_answers_come_back_from_the_written_rows(
    run: Run, rows: Rows, tmp_path: Path, answer: dict[str, Any]
) -> None:
    asked = "prompt" if "completion" in answer else "question"
    run({"r.jsonl": lines([{asked: f"Which river passes quay {n}?", **answer} for n in range(3)])}, "skill")
    for row in rows("examples.jsonl"):
        assert row["completion"] == "the Oder" and row["other_answers"] == ["Oder", "Odra"]
    reading = read_examples(tmp_path / "job/examples.jsonl", Data())
    assert {(one.ideal, one.other_answers) for one in reading.examples} == {("the Oder", ("Oder", "Odra"))}
    assert reading.columns["other_answers"] == "other right answers" and not reading.issues


def test_other_answers_of_conversations_and_with_private_data(run: Run, rows: Rows, tmp_path: Path) -> None:
    row = {
        "system_prompt": "Be brief.",
        "question": "Whom do I ask about mooring?",
        "answers": ["ask mila@quaynet.example", "write to mila@quaynet.example"],
    }
    run({"r.jsonl": lines([row])}, "skill")
    [written] = rows("examples.jsonl")
    said = written["messages"][-1]["content"]
    [other] = written["other_answers"]
    assert "mila@" not in said + other and said.split()[-1] == other.split()[-1]
    [example] = read_examples(tmp_path / "job/examples.jsonl", Data()).examples
    assert example.ideal == said and example.other_answers == (other,)


def test_an_only_answer_has_no_others(run: Run, rows: Rows) -> None:
    run({"r.jsonl": lines([{"question": "Which quay?", "answers": ["the third", "the third"]}])}, "skill")
    assert "other_answers" not in rows("examples.jsonl")[0]
