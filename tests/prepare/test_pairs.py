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


def asked(number: int) -> str:
    return (
        f"Where does the {('red', 'blue', 'old', 'new', 'long')[number % 5]} barge number {number} load gravel today?"
    )


MARKS: list[dict[str, Any]] = [{"label": False}, {"weight": 0}, {"train": False}, {"rejected": True}, {"rating": "👎"}]


@pytest.mark.parametrize("mark", MARKS, ids=str)
@pytest.mark.parametrize("bad_first", [True, False])
def test_a_bad_answer_with_a_good_partner_is_kept_as_a_pair(
    run: Run, rows: Rows, tmp_path: Path, mark: dict[str, Any], bad_first: bool
) -> None:
    good = [{"prompt": asked(n), "completion": f"At quay {n}, below the crane."} for n in range(4)]
    bad = [{"prompt": asked(n).upper(), "completion": "No idea, ask lou@quaynet.example.", **mark} for n in (1, 3)]
    alone = [{"prompt": "Who paints the hulls in winter?", "completion": "Nobody knows.", **mark}]
    prepared, _ = run({"r.jsonl": lines([*bad, *alone, *good] if bad_first else [*good, *alone, *bad])}, "skill")
    pairs = rows("pairs.jsonl")
    assert [(pair["prompt"], pair["chosen"]) for pair in pairs] == [
        (good[n]["prompt"], good[n]["completion"]) for n in (1, 3)
    ]
    assert all(pair["rejected"].startswith("No idea") and "lou@" not in pair["rejected"] for pair in pairs)
    assert prepared.summary.pairs == 2 and prepared.summary.dropped["marked as bad"] == 3
    assert "No idea" not in (tmp_path / "job/examples.jsonl").read_text()
    assert "`pairs.jsonl` has 2 pairs" in (tmp_path / "job/report.md").read_text()


@pytest.mark.parametrize("as_messages", [True, False])
def test_rejected_answers_of_compared_rows_are_pairs(run: Run, rows: Rows, as_messages: bool) -> None:
    def said(text: str) -> Any:
        return [{"role": "assistant", "content": text}] if as_messages else text

    given = [
        {"system": "Be brief.", "prompt": asked(n), "chosen": said(f"At quay {n}."), "rejected": said(f"Perhaps {n}.")}
        for n in range(3)
    ]
    run({"r.jsonl": lines(given)}, "skill")
    [first, *_] = rows("pairs.jsonl")
    assert [message["role"] for message in first["prompt"]] == ["system", "user"]
    assert first["chosen"][0]["content"] == "At quay 0." and first["rejected"][0]["content"] == "Perhaps 0."


def test_wrong_answers_next_to_right_ones(run: Run, rows: Rows) -> None:
    row = {"question": asked(1), "best_answer": "At quay 1.", "incorrect_answers": ["At sea.", "Never."]}
    run({"r.jsonl": lines([row])}, "skill")
    assert [pair["rejected"] for pair in rows("pairs.jsonl")] == ["At sea.", "Never."]


def test_without_pairs_there_is_no_file_and_an_old_one_goes(run: Run, rows: Rows, tmp_path: Path) -> None:
    pair = [{"prompt": asked(1), "completion": "Here."}, {"prompt": asked(1), "completion": "There.", "label": False}]
    run({"r.jsonl": lines(pair)}, "skill")
    assert len(rows("pairs.jsonl")) == 1
    run({"r.jsonl": lines(pair[:1])}, "skill")
    assert not (tmp_path / "job/pairs.jsonl").exists()


def test_a_bad_answer_can_be_kept_by_decision(run: Run, rows: Rows, tmp_path: Path) -> None:
    pair = [{"prompt": asked(1), "completion": "Here."}, {"prompt": asked(2), "completion": "There.", "label": False}]
    run({"r.jsonl": lines(pair)}, "skill")
    review = rows("review.jsonl")
    [row] = [one for one in review if one.get("action") == "dropped"]
    row["decision"] = "keep"
    (tmp_path / "job/review.jsonl").write_text(lines(review))
    run({"r.jsonl": lines(pair)}, "skill")
    assert {one["completion"] for one in rows("examples.jsonl")} == {"Here.", "There."}
